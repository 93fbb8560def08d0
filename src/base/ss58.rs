//! Addresses of the chain: a key in letters that tell most slips of the pen.
//!
//! An address holds the kind of network, the key, and a checksum of both, written in base 58.

use blake2::{Blake2b512, Digest};

/// The kind of network that this chain's addresses name.
const NETWORK: u8 = 42;
const KEY_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 2;

/// Whether a text is an address without a slip. The error says what is wrong with it.
pub fn check(text: &str) -> Result<(), &'static str> {
    let mut bytes = [0; 1 + KEY_BYTES + CHECKSUM_BYTES];
    let length = bs58::decode(text).onto(&mut bytes).map_err(|error| match error {
        bs58::decode::Error::BufferTooSmall => "it is too long",
        _ => "it has letters that are never in one",
    })?;
    let (held, checksum) = bytes.split_at(1 + KEY_BYTES);
    match (length == bytes.len(), held[0] == NETWORK) {
        (false, _) => Err("it is too short"),
        (_, false) => Err("it is of another network"),
        _ if checksum != sum(held) => Err("its checksum is wrong: one of its letters is"),
        _ => Ok(()),
    }
}

/// From so many characters on, a text that begins like an address, or has only letters and digits, is meant to be one.
const MEANT_FROM: usize = 30;

/// Whether a text is an address with a slip of the pen. A name that is not meant to be an address, as in a simulation, is none.
pub fn is_slip(text: &str) -> bool {
    let is_like = text.trim_start().starts_with('5') || text.bytes().all(|b| b.is_ascii_alphanumeric());
    text.len() >= MEANT_FROM && is_like && check(text).is_err()
}

/// The address of a key.
pub fn address(key: &[u8; KEY_BYTES]) -> String {
    let mut bytes = vec![NETWORK];
    bytes.extend_from_slice(key);
    bytes.extend(sum(&bytes.clone()));
    bs58::encode(bytes).into_string()
}

fn sum(held: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = Blake2b512::new().chain_update(b"SS58PRE").chain_update(held).finalize();
    [hash[0], hash[1]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOOD: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    #[test]
    fn known_addresses_are_good_and_slips_are_told() {
        for good in [
            GOOD,
            "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
            "5GU4Xkd3dCGTU3s8VLcHGc5wsD5M8XyxDca5yDQhYm1mVXFu",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (wrong, why) in [
            ("", "it is too short"),
            ("5Grwva", "it is too short"),
            ("0GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "letters that are never in one"),
            ("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQYY", "it is too long"),
            ("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ", "its checksum is wrong"),
            ("5GrwvaFE5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "its checksum is wrong"),
            ("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", "it is of another network"),
        ] {
            let found = check(wrong);
            assert!(found.is_err_and(|found| found.contains(why)), "{wrong}: {found:?}");
        }
    }

    #[test]
    fn a_name_is_no_slip_and_an_address_with_anything_beside_it_is_one() {
        for fine in [GOOD, "", "5", "5Fh", "ada", "the-stand-in-of-the-champion-of-november"] {
            assert!(!is_slip(fine), "{fine}");
        }
        for slip in [
            format!("{GOOD} "),
            format!(" {GOOD}"),
            format!("{GOOD},"),
            format!("{GOOD}\n"),
            GOOD[..47].into(),
            GOOD.replace('E', "-"),
            "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5".into(),
        ] {
            assert!(is_slip(&slip), "{slip:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_and_one_other_letter_is_seen(key: [u8; 32], at in 0usize..48, other in "[1-9A-HJ-NP-Za-km-z]") {
            let good = address(&key);
            prop_assert_eq!(check(&good), Ok(()));
            let at = at % good.len();
            let slipped = format!("{}{other}{}", &good[..at], &good[at + 1..]);
            // A checksum of two bytes misses one slip in 65,536.
            prop_assume!(slipped != good && sum(&bytes(&slipped)[..33]) != bytes(&slipped)[33..35]);
            prop_assert!(check(&slipped).is_err());
        }
    }

    fn bytes(text: &str) -> [u8; 64] {
        let mut bytes = [0; 64];
        let _ = bs58::decode(text).onto(&mut bytes);
        bytes
    }
}
