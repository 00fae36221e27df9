"""SAML 2.0 as a service provider, the way Suomi.fi runs it.

xml        read, verified, opened: the one page that touches signatures and ciphers
keys       ours, and certificates, from PEM
messages   what we say, and what comes to us in an address
response   who came back, believed only when all of it holds
metadata   how the provider is to know us
book       what has to be remembered between two requests
"""
