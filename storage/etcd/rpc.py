"""The messages of etcd v3 that this package sends and reads, with the fields that it uses.

Names and numbers are etcd's, so that the bytes on the wire are too. The classes are made from the
table below when it is loaded: code that protoc has written works with two versions of its library
only, and would share one space of names with every other client of etcd in the process. What they
look like to a type checker stands beside it, in ``rpc.pyi``.
"""

from __future__ import annotations

from typing import Final

from storage.etcd.message_classes import message_classes

_PACKAGE: Final = "etcdserverpb"

_MESSAGES: Final = {
    "KeyValue": (
        "1 key bytes",
        "2 create_revision int64",
        "3 mod_revision int64",
        "4 version int64",
        "5 value bytes",
        "6 lease int64",
    ),
    "Event": (
        "1 type Event.EventType",
        "2 kv KeyValue",
        "3 prev_kv KeyValue",
    ),
    "ResponseHeader": (
        "1 cluster_id uint64",
        "2 member_id uint64",
        "3 revision int64",
        "4 raft_term uint64",
    ),
    "RangeRequest": (
        "1 key bytes",
        "2 range_end bytes",
        "3 limit int64",
        "4 revision int64",
        "7 serializable bool",
        "8 keys_only bool",
        "9 count_only bool",
    ),
    "RangeResponse": (
        "1 header ResponseHeader",
        "2 kvs repeated KeyValue",
        "3 more bool",
        "4 count int64",
    ),
    "PutRequest": (
        "1 key bytes",
        "2 value bytes",
        "3 lease int64",
        "4 prev_kv bool",
    ),
    "PutResponse": (
        "1 header ResponseHeader",
        "2 prev_kv KeyValue",
    ),
    "DeleteRangeRequest": (
        "1 key bytes",
        "2 range_end bytes",
        "3 prev_kv bool",
    ),
    "DeleteRangeResponse": (
        "1 header ResponseHeader",
        "2 deleted int64",
        "3 prev_kvs repeated KeyValue",
    ),
    "RequestOp": (
        "1 request_range oneof RangeRequest",
        "2 request_put oneof PutRequest",
        "3 request_delete_range oneof DeleteRangeRequest",
    ),
    "ResponseOp": (
        "1 response_range oneof RangeResponse",
        "2 response_put oneof PutResponse",
        "3 response_delete_range oneof DeleteRangeResponse",
    ),
    "Compare": (
        "1 result Compare.CompareResult",
        "2 target Compare.CompareTarget",
        "3 key bytes",
        "4 version oneof int64",
        "5 create_revision oneof int64",
        "6 mod_revision oneof int64",
    ),
    "TxnRequest": (
        "1 compare repeated Compare",
        "2 success repeated RequestOp",
        "3 failure repeated RequestOp",
    ),
    "TxnResponse": (
        "1 header ResponseHeader",
        "2 succeeded bool",
        "3 responses repeated ResponseOp",
    ),
    "CompactionRequest": (
        "1 revision int64",
        "2 physical bool",
    ),
    "CompactionResponse": ("1 header ResponseHeader",),
    "WatchRequest": (
        "1 create_request oneof WatchCreateRequest",
        "3 progress_request oneof WatchProgressRequest",
    ),
    "WatchCreateRequest": (
        "1 key bytes",
        "2 range_end bytes",
        "3 start_revision int64",
        "4 progress_notify bool",
        "6 prev_kv bool",
        "8 fragment bool",
    ),
    "WatchProgressRequest": (),
    "WatchResponse": (
        "1 header ResponseHeader",
        "2 watch_id int64",
        "3 created bool",
        "4 canceled bool",
        "5 compact_revision int64",
        "6 cancel_reason string",
        "7 fragment bool",
        "11 events repeated Event",
    ),
    "LeaseGrantRequest": (
        "1 TTL int64",
        "2 ID int64",
    ),
    "LeaseGrantResponse": (
        "1 header ResponseHeader",
        "2 ID int64",
        "3 TTL int64",
        "4 error string",
    ),
    "StatusRequest": (),
    "StatusResponse": (
        "1 header ResponseHeader",
        "2 version string",
    ),
}
_ENUMS: Final = {
    "Event": {"EventType": ("PUT", "DELETE")},
    "Compare": {"CompareResult": ("EQUAL",), "CompareTarget": ("VERSION", "CREATE", "MOD")},
}

globals().update(message_classes("storage/etcd/rpc.proto", _PACKAGE, _MESSAGES, _ENUMS))
