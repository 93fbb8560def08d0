//! What each operator takes and gives, and which function computes it.

use super::{
    arith,
    ast::Operator,
    check::Checked,
    code::Apply,
    lex::At,
    types::{can_equal, held, is_amount, is_number, is_text, optional, ordered, said, shown, values_of, writing_help},
    wrong::Wrong,
};
use crate::base::{Ty, Value};

type Typed = Result<(Ty, Apply), Wrong>;

/// The operators that compute both sides first: all but `&&` and `||`.
pub(super) fn binary(text: &str, operator: Operator, at: At, left: &Checked, right: &Checked) -> Typed {
    use Operator as O;
    if matches!(operator, O::Equal | O::NotEqual) {
        return equality(text, operator, at, left, right);
    }
    if operator == O::In {
        return membership(text, at, left, right);
    }
    let order: Option<Apply> = match operator {
        O::Less => Some(arith::less),
        O::LessOrEqual => Some(arith::less_or_equal),
        O::Greater => Some(arith::greater),
        O::GreaterOrEqual => Some(arith::greater_or_equal),
        _ => None,
    };
    if let Some(side) = [left, right].into_iter().find(|side| matches!(side.ty, Ty::Optional(_) | Ty::Null)) {
        return Err(optional(text, side.at, &side.ty));
    }
    if left.ty == Ty::Never || right.ty == Ty::Never {
        return Ok((if order.is_some() { Ty::Bool } else { Ty::Never }, arith::never));
    }
    let refused = || refused(operator, at, &left.ty, &right.ty);
    match order {
        Some(apply) => ordered(&left.ty, &right.ty).map(|_| (Ty::Bool, apply)).ok_or_else(refused),
        None if is_number(&left.ty) && is_number(&right.ty) => numbers(text, operator, at, left, right),
        None => {
            let typed = others(operator, &left.ty, &right.ty).ok_or_else(refused)?;
            if operator == Operator::Divide { divisor(right).map(|()| typed) } else { Ok(typed) }
        }
    }
}

fn numbers(text: &str, operator: Operator, at: At, left: &Checked, right: &Checked) -> Typed {
    let wholes = left.ty == Ty::Whole && right.ty == Ty::Whole;
    let applies: (Apply, Apply) = match operator {
        Operator::Add => (arith::add_wholes, arith::add_decimals),
        Operator::Subtract => (arith::subtract_wholes, arith::subtract_decimals),
        Operator::Multiply => (arith::multiply_wholes, arith::multiply_decimals),
        Operator::Divide if wholes => return Err(whole_division(text, at, left, right)),
        Operator::Remainder if !wholes => {
            let side = if left.ty == Ty::Decimal { left } else { right };
            let said = said(text, side.at);
            return Err(Wrong::new("rule::mixed_numbers", side.at, "`%` takes whole numbers, found a decimal")
                .help(format!("write `floor({said})` or `round_even({said})`")));
        }
        Operator::Remainder => (arith::remainder, arith::never),
        _ => (arith::divide_wholes, arith::divide_decimals),
    };
    if matches!(operator, Operator::Divide | Operator::Remainder) {
        divisor(right)?;
    }
    Ok(if wholes { (Ty::Whole, applies.0) } else { (Ty::Decimal, applies.1) })
}

/// Refuses to divide by a zero that is written out.
pub(super) fn divisor(by: &Checked) -> Result<(), Wrong> {
    let is_zero = match by.literal() {
        Some(Value::Whole(number)) => *number == 0,
        Some(Value::Decimal(number)) => *number == 0.0,
        _ => false,
    };
    if is_zero { Err(Wrong::new("rule::bad_literal", by.at, "nothing can be divided by zero")) } else { Ok(()) }
}

/// `7 / 2` is 3 to some and 3.5 to others, so it is neither.
fn whole_division(text: &str, at: At, left: &Checked, right: &Checked) -> Wrong {
    let (a, b) = (said(text, left.at), said(text, right.at));
    let (held_a, held_b) = (held(text, left.at), held(text, right.at));
    let exact = match (left.literal(), right.literal()) {
        (Some(number), _) => format!("{number}.0 / {held_b}"),
        (_, Some(number)) => format!("{held_a} / {number}.0"),
        _ => format!("double({a}) / {held_b}"),
    };
    Wrong::new("rule::whole_division", at, "`/` of two whole numbers is ambiguous")
        .help(format!("write `{exact}` for a decimal, or `whole_div({a}, {b})` for a whole number"))
}

fn others(operator: Operator, left: &Ty, right: &Ty) -> Option<(Ty, Apply)> {
    let same_amounts = is_amount(left) && left == right;
    Some(match operator {
        Operator::Add if same_amounts => (left.clone(), arith::add_amounts),
        Operator::Subtract if same_amounts => (left.clone(), arith::subtract_amounts),
        Operator::Divide if same_amounts => (Ty::Decimal, arith::ratio),
        Operator::Multiply if is_amount(left) && is_number(right) => (left.clone(), arith::scale),
        Operator::Multiply if is_number(left) && is_amount(right) => (right.clone(), arith::scale),
        Operator::Divide if is_amount(left) && is_number(right) => (left.clone(), arith::divide_amount),
        Operator::Add if is_text(left) && is_text(right) => (Ty::Text, arith::join_texts),
        _ => match (operator, left, right) {
            (Operator::Add, Ty::Time, Ty::Span) | (Operator::Add, Ty::Span, Ty::Time) => {
                (Ty::Time, arith::time_plus_span)
            }
            (Operator::Subtract, Ty::Time, Ty::Span) => (Ty::Time, arith::time_minus_span),
            (Operator::Subtract, Ty::Time, Ty::Time) => (Ty::Span, arith::time_minus_time),
            (Operator::Add, Ty::List(a), Ty::List(b)) => (Ty::list(a.join(b)?), arith::join_lists),
            _ => return None,
        },
    })
}

fn refused(operator: Operator, at: At, left: &Ty, right: &Ty) -> Wrong {
    let message = format!("`{}` does not take {} and {}", operator.sign(), shown(left), shown(right));
    let help = if operator == Operator::Add && (is_text(left) || is_text(right)) {
        let other = if is_text(left) { right } else { left };
        writing_help(other, &Ty::Text)
    } else if is_amount(left) || *left == Ty::Time {
        writing_help(right, if *left == Ty::Time && is_number(right) { &Ty::Span } else { left })
    } else {
        writing_help(left, right)
    };
    Wrong::new("rule::wrong_type", at, message).maybe_help(help.or_else(|| left.why_apart(right)))
}

fn equality(text: &str, operator: Operator, at: At, left: &Checked, right: &Checked) -> Typed {
    let apply: Apply = if operator == Operator::Equal { arith::equals } else { arith::differs };
    // Two literals may differ; a literal that is no word of a choice is a slip of the pen.
    let both_literal = left.literal().is_some() && right.literal().is_some() && is_text(&left.ty) && is_text(&right.ty);
    if both_literal || can_equal(&left.ty, &right.ty) {
        return Ok((Ty::Bool, apply));
    }
    Err(never_equal(text, at, left, right))
}

/// Says why two values cannot be equal.
pub(super) fn never_equal(text: &str, at: At, left: &Checked, right: &Checked) -> Wrong {
    let (literal, other) = if left.literal().is_some() { (left, right) } else { (right, left) };
    let other_ty = match &other.ty {
        Ty::Optional(inner) => inner,
        ty => ty,
    };
    if let (Ty::Choice(words), Some(literal_text), Ty::Choice(found)) = (other_ty, literal.literal(), &literal.ty) {
        let help = found.first().and_then(|word| crate::base::near::did_you_mean(word, words.iter().map(|w| &**w)));
        let message = format!("`{}` is never '{literal_text}'", said(text, other.at));
        return Wrong::new("rule::unknown_choice", literal.at, message).maybe_help(help);
    }
    if literal.ty == Ty::Null {
        return Wrong::new("rule::never_equal", at, format!("`{}` is never null", said(text, other.at)))
            .help("leave the comparison out");
    }
    let message = format!("{} and {} are never equal", shown(&left.ty), shown(&right.ty));
    let help = writing_help(&right.ty, &left.ty).or_else(|| writing_help(&left.ty, &right.ty));
    Wrong::new("rule::never_equal", at, message).maybe_help(help)
}

fn membership(text: &str, at: At, left: &Checked, right: &Checked) -> Typed {
    match &right.ty {
        Ty::Never => Ok((Ty::Bool, arith::never)),
        Ty::List(item) if can_equal(&left.ty, item) => Ok((Ty::Bool, arith::in_list)),
        Ty::List(item) => {
            let message = format!("{} is never in {}", shown(&left.ty), shown(&right.ty));
            let code = match (&left.ty, &**item) {
                (Ty::Choice(_), Ty::Choice(_)) => "rule::unknown_choice",
                _ => "rule::never_equal",
            };
            Err(Wrong::new(code, at, message).maybe_help(writing_help(&left.ty, item)))
        }
        map if values_of(map).is_some() && (is_text(&left.ty) || left.ty == Ty::Never) => Ok((Ty::Bool, arith::in_map)),
        Ty::Optional(_) | Ty::Null => Err(optional(text, right.at, &right.ty)),
        map if values_of(map).is_some() => Err(Wrong::new(
            "rule::wrong_type",
            left.at,
            format!("expected a text before `in`, found {}", shown(&left.ty)),
        )
        .maybe_help(writing_help(&left.ty, &Ty::Text))),
        Ty::Record(_) => {
            let message = format!("expected a list or a map after `in`, found {}", shown(&right.ty));
            Err(Wrong::new("rule::wrong_type", right.at, message).help("write `has(x.field)` to ask for a field"))
        }
        ty => {
            let message = format!("expected a list or a map after `in`, found {}", shown(ty));
            Err(Wrong::new("rule::wrong_type", right.at, message))
        }
    }
}
