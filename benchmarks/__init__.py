"""An epoch of softmax regression, ours and our peers', timed side by side: `make bench`."""
