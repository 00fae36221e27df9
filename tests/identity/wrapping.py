"""The eight known ways to wrap a signed SAML message in a forged one.

Somorovsky et al., *On Breaking SAML* (2012), in the numbering of SAML Raider. Each keeps a
signature that is valid for the original, and puts a forgery where a reader may look first.
"""

from collections.abc import Callable
from copy import deepcopy

from lxml import etree

from services.identity.saml.xml import DS, SAML, SAMLP
from tests.identity.saml_provider import Element, find

FORGED = "131052-308T"
SIGNATURE = "ds:Signature"
ASSERTION = "saml:Assertion"


def forged(original: Element) -> Element:
    """Another name, somebody else's code, and no signature."""
    evil = deepcopy(original)
    evil.set("ID", "_forged")
    for each in evil.findall(f"{{{DS}}}Signature"):
        evil.remove(each)
    for value in evil.iter(f"{{{SAML}}}AttributeValue"):
        value.text = FORGED
    return evil


def bare(original: Element) -> Element:
    """The original without its signature, which is to go elsewhere."""
    made = deepcopy(original)
    made.remove(find(made, SIGNATURE))
    return made


def xsw1(response: Element) -> Element:
    """The original response inside the signature of a forged one."""
    evil, signature = forged(response), deepcopy(find(response, SIGNATURE))
    signature.append(bare(response))
    evil.insert(1, signature)
    return evil


def xsw2(response: Element) -> Element:
    """The original response beside its signature, in a forged one."""
    evil, signature = forged(response), deepcopy(find(response, SIGNATURE))
    evil.insert(1, bare(response))
    evil.insert(2, signature)
    return evil


def xsw3(response: Element) -> Element:
    """A forged assertion before the original."""
    original = find(response, ASSERTION)
    original.addprevious(forged(original))
    return response


def xsw4(response: Element) -> Element:
    """The original inside a forged assertion."""
    original = find(response, ASSERTION)
    evil = forged(original)
    response.replace(original, evil)
    evil.append(original)
    return response


def xsw5(response: Element) -> Element:
    """A forged assertion with the signature, and the original at the end."""
    original = find(response, ASSERTION)
    evil = forged(original)
    evil.insert(1, deepcopy(find(original, SIGNATURE)))
    response.replace(original, evil)
    response.append(bare(original))
    return response


def xsw6(response: Element) -> Element:
    """A forged assertion with the signature, which holds the original."""
    original = find(response, ASSERTION)
    evil, signature = forged(original), deepcopy(find(original, SIGNATURE))
    signature.append(bare(original))
    evil.insert(1, signature)
    response.replace(original, evil)
    return response


def xsw7(response: Element) -> Element:
    """A forged assertion in an extension before the original."""
    original = find(response, ASSERTION)
    extensions = etree.Element(f"{{{SAMLP}}}Extensions")
    extensions.append(forged(original))
    original.addprevious(extensions)
    return response


def xsw8(response: Element) -> Element:
    """A forged assertion whose signature holds the original in an object."""
    original = find(response, ASSERTION)
    evil, signature = forged(original), deepcopy(find(original, SIGNATURE))
    etree.SubElement(signature, f"{{{DS}}}Object").append(bare(original))
    evil.insert(1, signature)
    response.replace(original, evil)
    return response


SHAPES: tuple[Callable[[Element], Element], ...] = (
    *(xsw1, xsw2, xsw3, xsw4),
    *(xsw5, xsw6, xsw7, xsw8),
)
