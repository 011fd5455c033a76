//! Kubernetes quantities (`512Mi`, `1.5`, `250m`, `1e3`) as numbers.

/// Bytes, rounded up. `None`: not a quantity, negative, or too large for 64 bits.
pub fn bytes(text: &str) -> Option<u64> {
    scaled(text, 0)
}

/// Thousandths of a core, rounded up.
pub fn millicores(text: &str) -> Option<u64> {
    scaled(text, 3)
}

/// `text` times ten to the power of `shift`, rounded up.
fn scaled(text: &str, shift: i32) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '+')).unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (mantissa, decimals) = decimal(number)?;
    let (binary, exponent) = suffix_of(suffix)?;
    let mut value = mantissa.checked_mul(1_u128.checked_shl(binary)?)?;
    let power = exponent + shift - decimals;
    let factor = 10_u128.checked_pow(power.unsigned_abs())?;
    value = if power >= 0 { value.checked_mul(factor)? } else { value.div_ceil(factor) };
    u64::try_from(value).ok()
}

/// `1.25` as (125, 2).
fn decimal(number: &str) -> Option<(u128, i32)> {
    let number = number.strip_prefix('+').unwrap_or(number);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || number.len() > 30 {
        return None;
    }
    let mantissa = format!("{whole}{fraction}").parse().ok()?;
    Some((mantissa, i32::try_from(fraction.len()).ok()?))
}

/// (power of two, power of ten) of a suffix.
fn suffix_of(suffix: &str) -> Option<(u32, i32)> {
    Some(match suffix {
        "" => (0, 0),
        "n" => (0, -9),
        "u" => (0, -6),
        "m" => (0, -3),
        "k" => (0, 3),
        "M" => (0, 6),
        "G" => (0, 9),
        "T" => (0, 12),
        "P" => (0, 15),
        "E" => (0, 18),
        "Ki" => (10, 0),
        "Mi" => (20, 0),
        "Gi" => (30, 0),
        "Ti" => (40, 0),
        "Pi" => (50, 0),
        "Ei" => (60, 0),
        other => {
            let exponent: i32 = other.strip_prefix(['e', 'E'])?.parse().ok()?;
            (0, (-30..=30).contains(&exponent).then_some(exponent)?)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("256Mi"), Some(256 << 20));
        assert_eq!(bytes("1.5Gi"), Some(3 << 29));
        assert_eq!(bytes("128974848"), Some(128_974_848));
        assert_eq!(bytes("129e6"), Some(129_000_000));
        assert_eq!(bytes("129M"), Some(129_000_000));
        assert_eq!(bytes("128974848000m"), Some(128_974_848));
        assert_eq!(bytes("9007199254740988Ki"), Some(9_007_199_254_740_988 * 1024));
    }

    #[test]
    fn cores() {
        assert_eq!(millicores("250m"), Some(250));
        assert_eq!(millicores("2"), Some(2000));
        assert_eq!(millicores("0.1"), Some(100));
        assert_eq!(millicores("1n"), Some(1));
    }

    #[test]
    fn nonsense_is_none() {
        for bad in ["", "x", "-5", "1.2.3", "1Qi", "99999999999999999999Ei", "1e999", "."] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }
}
