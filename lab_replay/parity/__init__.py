"""Has the factory done what its journal says? Its past, run again and compared."""
