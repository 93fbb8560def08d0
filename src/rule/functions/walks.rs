//! Macros: functions that compute something for every item, which they bind to a name.

use super::{Function, FunctionDoc, Kind};
use crate::rule::code::How;

const fn walk(
    how: How,
    name: &'static str,
    signature: &'static str,
    about: &'static str,
    example: &'static str,
) -> Function {
    Function { doc: FunctionDoc { name, signature, about, example }, kind: Kind::Walk(how) }
}

pub(super) const FUNCTIONS: &[Function] = &[
    walk(
        How::Map,
        "map",
        "list.map(e, value) or list.map(e, condition, value) -> [T]",
        "the value for every item, or for every item that the condition holds for",
        "[1, 2, 3].map(e, e > 1, e * 10) == [20, 30]",
    ),
    walk(
        How::Filter,
        "filter",
        "list.filter(e, condition) -> [T]",
        "the items that the condition holds for",
        "[1, 2, 3].filter(e, e != 2) == [1, 3]",
    ),
    walk(
        How::All,
        "all",
        "list.all(e, condition) -> bool",
        "whether the condition holds for every item",
        "[1, 2].all(e, e > 0)",
    ),
    walk(
        How::Exists,
        "exists",
        "list.exists(e, condition) -> bool",
        "whether the condition holds for some item",
        "[1, 2].exists(e, e == 2)",
    ),
    walk(
        How::ExistsOne,
        "exists_one",
        "list.exists_one(e, condition) -> bool",
        "whether the condition holds for exactly one item",
        "[1, 2].exists_one(e, e == 2)",
    ),
    walk(
        How::Count,
        "count",
        "list.count(e, condition) -> whole",
        "for how many items the condition holds",
        "[1, 2, 3].count(e, e > 1) == 2",
    ),
    walk(
        How::SortBy,
        "sort_by",
        "list.sort_by(e, key) -> [T]",
        "the items, smallest key first; items with equal keys keep their order",
        "['bb', 'a', 'cc'].sort_by(e, size(e)) == ['a', 'bb', 'cc']",
    ),
    walk(
        How::SortByDescending,
        "sort_by_desc",
        "list.sort_by_desc(e, key) -> [T]",
        "the items, largest key first; items with equal keys keep their order",
        "['bb', 'a', 'cc'].sort_by_desc(e, size(e)) == ['bb', 'cc', 'a']",
    ),
    walk(
        How::MinBy,
        "min_by",
        "list.min_by(e, key) -> T",
        "the first item with the smallest key; of an empty list it fails",
        "[3, -1, 2].min_by(e, abs(e)) == -1",
    ),
    walk(
        How::MaxBy,
        "max_by",
        "list.max_by(e, key) -> T",
        "the first item with the largest key; of an empty list it fails",
        "[3, -4, 2].max_by(e, abs(e)) == -4",
    ),
    Function {
        doc: FunctionDoc {
            name: "has",
            signature: "has(x.field) -> bool",
            about: "whether the field is there and not null",
            example: "has({'id': 'a'}.id)",
        },
        kind: Kind::Has,
    },
    Function {
        doc: FunctionDoc {
            name: "or",
            signature: "x.or(default) -> T",
            about: "the value, or the default when it is null",
            example: "null.or(3) == 3 && first([5]).or(0) == 5",
        },
        kind: Kind::Or,
    },
];
