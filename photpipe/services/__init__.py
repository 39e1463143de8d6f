"""The network services, each one function, all of them with a memory."""
