"""Data sets in TFRecord shards: few large files, as object storage likes them."""
