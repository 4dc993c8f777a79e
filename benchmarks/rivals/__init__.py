"""What export_bench.py measures SegNet against, and how."""
