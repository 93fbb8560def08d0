//! Numbers added up.

/// The sum of numbers. That of none is 0, and not -0 as the standard library has it, which people would be shown.
pub fn total(numbers: impl IntoIterator<Item = f64>) -> f64 {
    numbers.into_iter().sum::<f64>() + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_adds_up_to_a_plain_zero() {
        for (numbers, sum) in [(&[][..], "0.0"), (&[-0.0], "0.0"), (&[1.0, 2.5], "3.5"), (&[1.0, -2.0], "-1.0")] {
            assert_eq!(format!("{:.1}", total(numbers.iter().copied())), sum, "{numbers:?}");
        }
    }
}
