"""Data becomes JSON here and back, and nowhere else."""
