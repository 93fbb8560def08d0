//! A field that is written one way in some of the records that are laid together, and nearly the same way in the others.
//!
//! Such records have one type, in which a field that not all of them have may be null: a slip in the name of a field would
//! be read as nothing. The checks of expressions and of written values ask here wherever types are joined.

use indexmap::IndexMap;

use super::{Name, Ty, near};

/// Names that only some of the records have, and among which slips are sought.
const NAMES_MAX: usize = 64;

/// A name that is probably a slip of the pen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Odd {
    /// Which of the types has it.
    pub at: usize,
    pub field: Name,
    /// The name that others have in its place.
    pub meant: Name,
}

impl Odd {
    /// What is wrong, and what to write instead.
    pub fn words(&self) -> (String, String) {
        let Self { field, meant, .. } = self;
        (
            format!("this has a field `{field}`, where what stands beside it has `{meant}`"),
            format!("did you mean `{meant}`? where both are meant, write that one too, as null"),
        )
    }
}

/// The odd one out of types that are joined to one.
pub fn odd_one<'t>(types: impl IntoIterator<Item = &'t Ty>) -> Option<Odd> {
    seek(types.into_iter().enumerate().collect())
}

fn seek(types: Vec<(usize, &Ty)>) -> Option<Odd> {
    if types.len() < 2 {
        return None;
    }
    let (mut records, mut inside): (Vec<_>, [Vec<(usize, &Ty)>; 2]) = Default::default();
    for (at, ty) in types {
        let ty = if let Ty::Optional(inner) = ty { inner } else { ty };
        match ty {
            Ty::Record(record) if record.written => records.push((at, &**record)),
            Ty::List(item) => inside[0].push((at, item)),
            Ty::Map(item) => inside[1].push((at, item)),
            _ => {}
        }
    }
    let [lists, maps] = inside;
    let mut fields: IndexMap<&Name, Vec<(usize, &Ty)>> = IndexMap::new();
    for (at, record) in &records {
        for (name, ty) in &record.fields {
            fields.entry(name).or_default().push((*at, ty));
        }
    }
    let partial = || fields.iter().filter(|(_, owners)| owners.len() < records.len()).take(NAMES_MAX);
    for (place, (one, owners)) in partial().enumerate() {
        for (other, others) in partial().skip(place + 1) {
            if near::is_slip(one.as_str(), other.as_str()) && !any_has_both(owners, others) && are_alike(owners, others)
            {
                let (odd, owners, meant) =
                    if owners.len() < others.len() { (one, owners, other) } else { (other, others, one) };
                return Some(Odd { at: owners.first()?.0, field: Name::clone(odd), meant: Name::clone(meant) });
            }
        }
    }
    seek(lists).or_else(|| seek(maps)).or_else(|| fields.into_values().find_map(seek))
}

/// Whoever has both means both. Both are in the order of the types.
fn any_has_both(some: &[(usize, &Ty)], others: &[(usize, &Ty)]) -> bool {
    some.iter().any(|(at, _)| others.binary_search_by_key(at, |(other, _)| *other).is_ok())
}

/// Whether values of one could stand where those of the other do.
fn are_alike(some: &[(usize, &Ty)], others: &[(usize, &Ty)]) -> bool {
    some.first().zip(others.first()).is_some_and(|((_, one), (_, other))| one.join(other).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with these fields, one of which may hold a record of its own: `a b=c` is `{a, b: {c}}`.
    fn record(fields: &str) -> Ty {
        let name = |text: &str| Name::parse(text).expect("the name is good");
        Ty::written_record(fields.split(' ').map(|field| match field.split_once('=') {
            Some((field, inner)) => (name(field), record(inner)),
            None => (name(field), Ty::Text),
        }))
    }

    #[test]
    fn names_whose_values_could_not_stand_for_one_another_are_no_slips() {
        let of = |field: &str, ty: Ty| Ty::written_record([(Name::parse(field).expect("the name is good"), ty)]);
        let model = of("model", Ty::Text);
        assert_eq!(odd_one([&model, &of("models", Ty::list(Ty::Text))]), None);
        assert!(odd_one([&model, &of("models", Ty::Text)]).is_some());
    }

    #[test]
    fn a_slip_in_one_record_is_told_from_fields_that_some_have() {
        for (records, expected) in [
            (&["code wrong", "cod wrong", "code wrong"][..], Some((1, "cod", "code"))),
            (&["name", "nmae"], Some((1, "nmae", "name"))),
            (&["nmae", "name", "name note"], Some((0, "nmae", "name"))),
            (&["a of=loss", "a of=los"], Some((1, "los", "loss"))),
            (&["name note", "name"], None),
            (&["wins", "ties"], None),
            (&["row rows", "row", "rows"], None),
            (&["pairs", "groups"], None),
        ] {
            let types: Vec<Ty> = records.iter().map(|fields| record(fields)).collect();
            let expected = expected.map(|(at, odd, meant)| (at, odd.to_owned(), meant.to_owned()));
            let found = |types: &[Ty]| odd_one(types).map(|odd| (odd.at, odd.field.to_string(), odd.meant.to_string()));
            assert_eq!(found(&types), expected, "{records:?}");
            let lists: Vec<Ty> = types.into_iter().map(|ty| Ty::optional(Ty::list(ty))).collect();
            assert_eq!(found(&lists), expected, "{records:?}");
        }
        let given = Ty::record([(Name::parse("nmae").expect("the name is good"), Ty::Text)]);
        assert_eq!(odd_one([&given, &record("name")]), None, "nobody wrote it here");
    }
}
