"""The live page: files that `make page` has built of the sources in page/, and the paths under which they are."""
