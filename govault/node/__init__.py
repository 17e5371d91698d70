"""One node process: the composition root. Everything is put together here and nowhere else.

``folder`` the data folder and who holds it · ``identity`` the vault's and the node's ids · ``compose`` from
configuration to running parts · ``serve`` the life of the process, from start to exit code · ``greeting`` what a
person reads at start · ``log_output`` structured logs
"""
