"""A control plane without a node, and what tests play on it: a kubelet, workloads whose pods crash, the operator as a process."""
