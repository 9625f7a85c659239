"""The same cores on virtual time, over networks and disks that can be made to fail."""
