"""Crashes: killed processes, crashes inside the commit, and disks that forget."""
