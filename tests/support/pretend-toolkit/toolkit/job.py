"""Asked for, never used."""
