//! Harnesses that fuzz targets and ordinary tests share.
