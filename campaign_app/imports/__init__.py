"""Brings people in from files: detect → read → map → preview, then the background run."""
