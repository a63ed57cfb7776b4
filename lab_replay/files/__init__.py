"""History out of files: CSV, JSON lines and Parquet as recordings."""
