"""That care goes on: encounters and referrals, as commitments that name no patient."""
