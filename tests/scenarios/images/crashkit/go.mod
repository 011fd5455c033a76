module crashkit

go 1.24
