"""A writer of small MMDB databases (MaxMind DB file format 2.0), for tests: networks with values, and ways to break them."""

import ipaddress
import struct

MARKER = b"\xab\xcd\xefMaxMind.com"
UINT16, UINT32, MAP, INT32, UINT64, UINT128, ARRAY, BOOL = 5, 6, 7, 8, 9, 10, 11, 14


class Number:
    """An unsigned integer of a type of the format's: UINT16, UINT32, UINT64, UINT128."""

    def __init__(self, value, kind=UINT32):
        self.value, self.kind = value, kind


def head(kind, size):
    first = kind << 5 if kind <= 7 else 0
    if size < 29:
        out, more = first | size, b""
    elif size < 285:
        out, more = first | 29, bytes([size - 29])
    elif size < 65821:
        out, more = first | 30, struct.pack(">H", size - 285)
    else:
        out, more = first | 31, struct.pack(">I", size - 65821)[1:]
    return bytes([out]) + (bytes([kind - 7]) if kind > 7 else b"") + more


def pointer(to):
    """In its form of four bytes, which every place has."""
    return bytes([0x38]) + struct.pack(">I", to)


def encode(value):
    if isinstance(value, bytes):        # as it is: pointers, and what is broken
        return value
    if isinstance(value, bool):
        return head(BOOL, int(value))
    if isinstance(value, int):
        value = Number(value)
    if isinstance(value, Number):
        raw = value.value.to_bytes((value.value.bit_length() + 7) // 8, "big")
        return head(value.kind, len(raw)) + raw
    if isinstance(value, str):
        return head(2, len(value.encode())) + value.encode()
    if isinstance(value, float):
        return head(3, 8) + struct.pack(">d", value)
    if isinstance(value, (list, tuple)):
        return head(ARRAY, len(value)) + b"".join(map(encode, value))
    return head(MAP, len(value)) + b"".join(encode(k) + encode(v) for k, v in value.items())


class Tree:
    """A binary tree of networks; a leaf is an offset into the data section, or None."""

    def __init__(self, version):
        self.version = version
        self.nodes = [[None, None]]

    def bits(self, network):
        n = int(network.network_address)
        if network.version == self.version:
            return f"{n:0{32 if self.version == 4 else 128}b}"[:network.prefixlen]
        return f"{n:0128b}"[:96 + network.prefixlen]    # IPv4 in a tree of IPv6: below ::/96

    def add(self, network, leaf):
        bits, at = self.bits(network), 0
        if not bits:
            self.nodes[0] = [leaf, leaf]
            return
        for bit in map(int, bits[:-1]):
            below = self.nodes[at][bit]
            if not isinstance(below, Node):
                self.nodes.append([below, below])       # what held for all of it holds for both halves
                below = self.nodes[at][bit] = Node(len(self.nodes) - 1)
            at = below.number
        self.nodes[at][int(bits[-1])] = leaf

    def record(self, below):
        if below is None:
            return len(self.nodes)
        return below.number if isinstance(below, Node) else len(self.nodes) + 16 + below

    def encode(self, size):
        out = bytearray()
        for node in self.nodes:
            left, right = map(self.record, node)
            if size == 28:
                out += struct.pack(">I", left)[1:] + bytes([left >> 24 << 4 | right >> 24]) + struct.pack(">I", right)[1:]
            else:
                out += struct.pack(">I", left)[4 - size // 8:] + struct.pack(">I", right)[4 - size // 8:]
        return bytes(out)


class Node:
    def __init__(self, number):
        self.number = number


def database(networks, kind="Test-Country", version=6, size=24, build=1700000000, metadata=(), data=None):
    """The bytes of one: networks is {"192.0.2.0/24": value}, data (bytes) stands in for the data section, and a value
    that is an int is an offset into it."""
    tree, section, places = Tree(version), data or b"", {}
    for network in sorted(map(ipaddress.ip_network, networks), key=lambda n: n.prefixlen):
        value = networks[str(network)]
        if not isinstance(value, int):
            raw = encode(value)
            if raw not in places:
                places[raw] = len(section)
                section += raw
            value = places[raw]
        tree.add(network, value)
    meta = {"binary_format_major_version": Number(2, UINT16), "binary_format_minor_version": Number(0, UINT16),
            "build_epoch": Number(build, UINT64), "database_type": kind, "description": {"en": "for tests"},
            "ip_version": Number(version, UINT16), "languages": ["en"], "node_count": Number(len(tree.nodes)),
            "record_size": Number(size, UINT16), **dict(metadata)}
    return tree.encode(size) + bytes(16) + section + MARKER + encode(meta)


def country(code, eu=None):
    value = {"iso_code": code, "names": {"en": f"the country {code}"}}
    if eu is not None:
        value["is_in_european_union"] = eu
    return {"continent": {"code": "XX"}, "country": value}


def asn(number, name="Example"):
    return {"autonomous_system_number": number, "autonomous_system_organization": name}
