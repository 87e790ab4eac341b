"""A store in etcd v3."""
