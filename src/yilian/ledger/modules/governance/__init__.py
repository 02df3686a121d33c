"""How members decide together: admission, removal, parameters and quotas, by vote."""
