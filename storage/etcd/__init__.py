"""A store in etcd v3. Importing this package alone does not load gRPC."""
