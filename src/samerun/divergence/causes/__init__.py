"""The causes that are known, one a file; each says whether it explains a divergence."""
