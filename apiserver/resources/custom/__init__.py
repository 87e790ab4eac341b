"""The kinds that CustomResourceDefinitions define; to the layers above they are like others."""
