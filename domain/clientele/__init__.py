"""The provider's clients as files and other programs list them."""
