//! Makes expressions and values out of bytes, for the property tests. Fewer bytes make smaller ones, so that what
//! fails shrinks.

use std::sync::Arc;

use super::World;
use crate::base::{GpuRequest, Rao, Size, Span, Ty, Value};

/// Bytes that decide. When they run out, every choice is the first one.
pub(super) struct Choices<'b>(pub(super) std::slice::Iter<'b, u8>);

impl<'b> Choices<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self(bytes.iter())
    }
    fn below(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |byte| usize::from(*byte) % count.max(1))
    }
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}

/// What makes a value of a kind: `@k` stands for an expression of the kind `k`. The kinds are
/// b bool, w whole, d decimal, t text, W D T lists of them. Only what CEL has as well, with the same meaning.
pub(super) const COMMON: &[(char, &str)] = &[
    ('b', "true"),
    ('b', "yes"),
    ('b', "@w < @w"),
    ('b', "@w == @w"),
    ('b', "@d >= @d"),
    ('b', "@t != @t"),
    ('b', "@t <= @t"),
    ('b', "@b == @b"),
    ('b', "(@b && @b)"),
    ('b', "(@b || @b)"),
    ('b', "!@b"),
    ('b', "(@b ? @b : @b)"),
    ('b', "@w in @W"),
    ('b', "@t in @T"),
    ('b', "@W == @W"),
    ('b', "@W.all(x, @w > x)"),
    ('b', "@W.exists(x, x == @w)"),
    ('b', "@T.exists_one(x, x == @t)"),
    ('b', "@W.all(x, @w % x == @w)"),
    ('b', "@t.contains(@t)"),
    ('b', "@t.startsWith(@t)"),
    ('b', "@t.endsWith(@t)"),
    ('b', "@t in points"),
    ('w', "1"),
    ('w', "wins"),
    ('w', "-3"),
    ('w', "0"),
    ('w', "7"),
    ('w', "0x1F"),
    ('w', "9223372036854775807"),
    ('w', "(@w + @w)"),
    ('w', "(@w - @w)"),
    ('w', "@w * @w"),
    ('w', "@w % @w"),
    ('w', "-(@w)"),
    ('w', "size(@W)"),
    ('w', "size(@t)"),
    ('w', "@W[@w]"),
    ('w', "(@b ? @w : @w)"),
    ('w', "points[@t]"),
    ('w', "points.x"),
    ('w', "rules.minimum_field"),
    ('d', "0.5"),
    ('d', "threshold"),
    ('d', "-1.5e3"),
    ('d', "(@d + @d)"),
    ('d', "(@d - @d)"),
    ('d', "@d * @d"),
    ('d', "@d / @d"),
    ('d', "-(@d)"),
    ('d', "@D[@w]"),
    ('d', "rules.boss.start"),
    ('t', "'a'"),
    ('t', "id"),
    ('t', "'5Fa'"),
    ('t', "\"é\\n\""),
    ('t', "(@t + @t)"),
    ('t', "(@b ? @t : @t)"),
    ('t', "@T[@w]"),
    ('W', "[]"),
    ('W', "counts"),
    ('W', "[@w, @w]"),
    ('W', "(@W + @W)"),
    ('W', "@W.map(x, x + @w)"),
    ('W', "@W.filter(x, x > @w)"),
    ('W', "@W.map(x, x != @w, x % @w)"),
    ('W', "(@b ? @W : @W)"),
    ('D', "[@d, 2.5]"),
    ('D', "@W.map(x, @d)"),
    ('T', "['b', @t]"),
    ('T', "@T.filter(x, @t < x)"),
    ('T', "entrants.map(e, e.hotkey)"),
];

/// What only this language has. Further kinds are c choice, s duration, i time, m tao, z size, g gpus, e entrant,
/// E their list, o optional decimal, O their list, P map of wholes, K list of lists of wholes.
pub(super) const OWN: &[(char, &str)] = &[
    ('b', "kind == 'image'"),
    ('b', "@c in ['text', 'image']"),
    ('b', "@s < @s"),
    ('b', "@i >= @i"),
    ('b', "@m == @m"),
    ('b', "@z > @z"),
    ('b', "@g == @g"),
    ('b', "@o == null"),
    ('b', "@o != @d"),
    ('b', "@e == boss"),
    ('b', "has(challenger.loss)"),
    ('b', "(challenger != null && challenger.wins > @w)"),
    ('b', "(no_loss == null || no_loss < @d)"),
    ('b', "@w < @d"),
    ('w', "floor(@d)"),
    ('w', "ceil(@d)"),
    ('w', "round_even(@d)"),
    ('w', "abs(@w)"),
    ('w', "whole_div(@w, @w)"),
    ('w', "pow(@w, @w)"),
    ('w', "sum(@W)"),
    ('w', "max(@W)"),
    ('w', "min(@w, @w)"),
    ('w', "clamp(@w, @w, @w)"),
    ('w', "@E.count(e, @b)"),
    ('w', "@T.index_of(@t).or(@w)"),
    ('w', "@e.wins"),
    ('w', "@P.x"),
    ('w', "sum(values(@P))"),
    ('w', "@W.min_by(x, -x)"),
    ('w', "@K[@w][@w]"),
    ('d', "@w"),
    ('d', "widened"),
    ('d', "@d / @w"),
    ('d', "pow(@d, @w)"),
    ('d', "double(@w)"),
    ('d', "round_to(@d, @w)"),
    ('d', "mean(@D)"),
    ('d', "median(@W)"),
    ('d', "sum(@D)"),
    ('d', "@o.or(@d)"),
    ('d', "@s / @s"),
    ('d', "@m / @m"),
    ('d', "in_hours(@s)"),
    ('d', "max(@d, @w)"),
    ('d', "first(@D).or(@d)"),
    ('d', "1e308"),
    ('t', "text(@d)"),
    ('t', "text(@s)"),
    ('t', "text(@m) + text(@z) + text(@i) + text(@g)"),
    ('t', "@c"),
    ('t', "@T.join(@t)"),
    ('t', "@W.join()"),
    ('t', "lowerAscii(@t)"),
    ('t', "@e.hotkey"),
    ('t', "no_text.or(@t)"),
    ('c', "kind"),
    ('c', "task.kind"),
    ('c', "(@b ? 'text' : kind)"),
    ('s', "limit"),
    ('s', "duration('1h30m')"),
    ('s', "(@s + @s)"),
    ('s', "(@s - @s)"),
    ('s', "@s * @d"),
    ('s', "@w * @s"),
    ('s', "@s / @d"),
    ('s', "@i - @i"),
    ('s', "hours(@d)"),
    ('s', "minutes(@w)"),
    ('s', "max(@s, @s)"),
    ('s', "duration(@t)"),
    ('i', "began"),
    ('i', "(@i + @s)"),
    ('i', "(@i - @s)"),
    ('m', "fee"),
    ('m', "tao('0.25 TAO')"),
    ('m', "(@m + @m)"),
    ('m', "(@m - @m)"),
    ('m', "@m * @w"),
    ('m', "@m * @d"),
    ('m', "@m / @d"),
    ('m', "sum(@E.map(e, e.fee))"),
    ('z', "disk"),
    ('z', "bytes('16GiB')"),
    ('z', "(@z + @z)"),
    ('z', "@z * @d"),
    ('g', "request"),
    ('g', "gpus(task)"),
    ('g', "gpus_of('1xH100')"),
    ('e', "boss"),
    ('e', "@E[@w]"),
    ('e', "@E.max_by(e, e.wins)"),
    ('e', "first(@E).or(boss)"),
    ('o', "no_loss"),
    ('o', "@e.loss"),
    ('o', "(@b ? @d : null)"),
    ('o', "first(@D)"),
    ('o', "challenger.loss"),
    ('O', "maybe_scores"),
    ('O', "@E.map(e, e.loss)"),
    ('O', "[@d, null]"),
    ('E', "entrants"),
    ('E', "@E.filter(e, @b)"),
    ('E', "@E.sort_by(e, e.loss.or(@d))"),
    ('E', "@E.sort_by_desc(e, e.hotkey)"),
    ('E', "top(@E, @w)"),
    ('E', "unique(@E + @E)"),
    ('W', "range(@w)"),
    ('W', "reverse(@W)"),
    ('W', "unique(@W)"),
    ('W', "flatten(@K)"),
    ('W', "@W.skip(@w)"),
    ('W', "@W.map(x, [x].map(y, x * y)[0])"),
    ('D', "scores"),
    ('D', "present(@O)"),
    ('D', "@W"),
    ('T', "@t.split(@t)"),
    ('T', "keys(@P)"),
    ('T', "unique(@T)"),
    ('P', "points"),
    ('P', "{'X': @w, @t: @w}"),
    ('K', "@W.chunks(@w)"),
    ('K', "[@W]"),
];

/// An expression of a kind. Now and then a part is of a wrong kind when `slips` are wanted.
pub(super) fn expression(choices: &mut Choices<'_>, tables: &[&[(char, &str)]], kind: char, slips: bool) -> String {
    part(choices, tables, kind, slips, 4)
}

fn part(choices: &mut Choices<'_>, tables: &[&[(char, &str)]], kind: char, slips: bool, depth: usize) -> String {
    let kind = if slips && choices.below(60) == 59 { choices.one(&['b', 'w', 'd', 't', 'o', 'E', 'm']) } else { kind };
    let fitting: Vec<&str> = tables
        .iter()
        .flat_map(|table| table.iter())
        .filter(|(made, template)| *made == kind && (depth > 0 || !template.contains('@')))
        .map(|(_, template)| *template)
        .collect();
    // At the bottom of a kind that is never plain, the first way to make it is taken.
    let any = tables.iter().flat_map(|table| table.iter()).find(|(made, _)| *made == kind);
    let template =
        if fitting.is_empty() { any.map_or("null", |(_, template)| template) } else { choices.one(&fitting) };
    let mut text = String::new();
    let mut letters = template.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '@' => {
                let inner = letters.next().expect("a kind follows each @");
                text.push_str(&part(choices, tables, inner, slips, depth.saturating_sub(1)));
            }
            letter => text.push(letter),
        }
    }
    text
}

/// A value of the type, often at the edge of what there is.
pub(super) fn value(choices: &mut Choices<'_>, ty: &Ty) -> Value {
    match ty {
        Ty::Never | Ty::Null => Value::Null,
        Ty::Bool => Value::Bool(choices.below(2) == 1),
        Ty::Whole => Value::Whole(choices.one(&[0, 1, 2, -1, 3, 7, 100, i64::MAX, i64::MIN, 1 << 53])),
        // Where a decimal is declared there may be a whole number.
        Ty::Decimal if choices.below(4) == 3 => value(choices, &Ty::Whole),
        Ty::Decimal => Value::Decimal(choices.one(&[0.0, 0.5, 1.0, -0.0, -2.5, 1e-300, 0.1, 1e308, -1e308, 9.3e18])),
        Ty::Text => Value::text(choices.one(&["", "a", "5Fa", "é\n", "1h", "0.25 TAO", "a,b", "}"])),
        Ty::Choice(words) => Value::Text(choices.one(words)),
        Ty::Span => Value::Span(choices.one(&[Span::ZERO, Span::from_secs(1), Span::from_secs(3_600), Span::MAX])),
        Ty::Time => {
            let times = ["1970-01-01T00:00:00Z", "2026-01-31T10:00:00.123456789Z", "-009998-01-02T00:00:00Z"];
            Value::Time(choices.one(&times).parse().unwrap())
        }
        Ty::Tao => Value::Tao(Rao(choices.one(&[0, 1, 250_000_000, u64::MAX]))),
        Ty::Size => Value::Size(Size(choices.one(&[0, 1, 16 << 30, u64::MAX]))),
        Ty::Gpus => Value::Gpus(GpuRequest::parse(choices.one(&["1xH100", "2xH100|H200"])).unwrap()),
        Ty::List(item) => {
            let size = choices.below(4);
            Value::list((0..size).map(|_| value(choices, item)).collect::<Vec<_>>())
        }
        Ty::Map(item) => {
            let keys = ["5Fa", "x", "X", "é"];
            let size = choices.below(keys.len() + 1);
            Value::record(keys[..size].iter().map(|key| (*key, value(choices, item))).collect::<Vec<_>>())
        }
        Ty::Record(record) => {
            let fields = record.fields.iter().filter_map(|(name, ty)| match value(choices, ty) {
                // An absent field and a null one are the same.
                Value::Null if choices.below(2) == 1 => None,
                value => Some((Arc::clone(name.shared()), value)),
            });
            let mut fields: Vec<_> = fields.collect();
            // A record may have fields that its type does not tell of.
            if choices.below(8) == 7 {
                fields.push(("undeclared".into(), Value::Bool(true)));
            }
            Value::Record(Arc::new(fields.into_iter().collect()))
        }
        Ty::Optional(_) if choices.below(3) == 0 => Value::Null,
        Ty::Optional(inner) => value(choices, inner),
    }
}

/// The names of a world with other values.
pub(super) fn values(choices: &mut Choices<'_>, mut world: World) -> World {
    for (name, found) in &mut world.values {
        let ty = world.scope.get(name).expect("every value has a declared name");
        *found = value(choices, ty);
    }
    world
}
