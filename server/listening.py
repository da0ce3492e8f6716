"""The address to serve on, taken before anything else is done, so that nothing is done in vain."""

import socket


class CannotListen(Exception):
    """The address is not to be had; the text says what to do."""


def listening(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address.

    Raises:
        CannotListen: somebody else has it, or it is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose another, for example PORT={port + 1}."
        ) from error
    return listener
