//! Numbers in the words that people use for them.

/// Bytes as a quantity that an API server takes as it stands: whole Mi, Gi where it is one (`1.2Gi` is a fraction of a byte,
/// which it warns of). Rounded up.
pub fn quantity(n: u64) -> String {
    const MI: u64 = 1 << 20;
    let mi = n.div_ceil(MI);
    if mi.is_multiple_of(1 << 10) {
        format!("{}Gi", mi >> 10)
    } else if mi > 1 << 10 && mi.is_multiple_of(1 << 9) {
        format!("{}.5Gi", mi >> 10)
    } else {
        format!("{mi}Mi")
    }
}

/// Bytes as Kubernetes writes them: `256Mi`, `1.5Gi`, `512Ki`, `512M`.
pub fn bytes(n: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)];
    if n >= 1_000_000 && !n.is_multiple_of(1 << 20) && n.is_multiple_of(1_000_000) {
        return if n.is_multiple_of(1_000_000_000) {
            format!("{}G", n / 1_000_000_000)
        } else {
            format!("{}M", n / 1_000_000)
        };
    }
    for (unit, size) in UNITS {
        if n < size {
            continue;
        }
        if n.is_multiple_of(size) {
            return format!("{}{unit}", n / size);
        }
        if size == 1 << 30 && n.is_multiple_of(1 << 26) && !(n * 10).is_multiple_of(size) {
            return format!("{}Mi", n >> 20);
        }
        let tenths = n / (size / 10).max(1);
        if tenths < 100 && size > 1 << 10 {
            return format!("{}.{}{unit}", tenths / 10, tenths % 10);
        }
        return format!("{}{unit}", (n + size / 2) / size);
    }
    n.to_string()
}

/// Seconds: `40 s`, `3 min 20 s`, `2 h 5 min`, `3 days`.
pub fn seconds(n: i64) -> String {
    let (days, hours, minutes, rest) = (n / 86_400, n % 86_400 / 3_600, n % 3_600 / 60, n % 60);
    match n {
        ..=119 => format!("{n} s"),
        120..=3_599 if rest == 0 || minutes >= 10 => format!("{minutes} min"),
        120..=3_599 => format!("{minutes} min {rest} s"),
        3_600..=172_799 if minutes == 0 => format!("{} h", n / 3_600),
        3_600..=172_799 => format!("{} h {minutes} min", n / 3_600),
        _ if hours == 0 || days >= 10 => format!("{days} days"),
        _ => format!("{days} days {hours} h"),
    }
}

/// Thousandths of a core: `200m`, `2`.
pub fn cpu(millis: u64) -> String {
    if millis.is_multiple_of(1000) { (millis / 1000).to_string() } else { format!("{millis}m") }
}

/// A line of a log or a message, trimmed and cut to `max` characters.
pub fn cut(text: &str, max: usize) -> String {
    let text = text.trim();
    if text.chars().count() <= max { text.to_owned() } else { text.chars().take(max).chain(['…']).collect() }
}

/// The text with ids of containers and sandboxes (hexadecimal, 32 digits and more) as short as `crictl` prints them.
pub fn short_ids(text: &str) -> String {
    let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let run = rest.find(|c| !is_hex(c)).unwrap_or(rest.len());
        let take = if run == 0 { c.len_utf8() } else { run };
        out.push_str(if run >= 32 { &rest[..12] } else { &rest[..take] });
        rest = &rest[take..];
    }
    out
}

/// `1 time`, `4 times`.
pub fn times(n: u32) -> String {
    if n == 1 { "1 time".to_owned() } else { format!("{n} times") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short() {
        let id = "cf33dfff43b3a3e2067626e09fde555e86bfd1b6218d91e3471d1853269eb09f";
        assert_eq!(
            short_ids(&format!("für \"{id}\": no runtime for beef")),
            "für \"cf33dfff43b3\": no runtime for beef"
        );
        assert_eq!(short_ids(""), "");
    }

    #[test]
    fn a_quantity_is_never_a_fraction_of_a_byte() {
        let mi = |n: u64| n << 20;
        assert_eq!([mi(1152), mi(1536), mi(2048), mi(512)].map(quantity), ["1152Mi", "1.5Gi", "2Gi", "512Mi"]);
        assert_eq!(quantity(1), "1Mi");
        assert_eq!(bytes(mi(1280)), "1280Mi");
    }

    #[test]
    fn numbers_read_like_kubernetes_writes_them() {
        assert_eq!(bytes(256 << 20), "256Mi");
        assert_eq!(bytes(3 << 29), "1.5Gi");
        assert_eq!(bytes(30 << 20), "30Mi");
        assert_eq!(bytes(4_345_298_944), "4.0Gi");
        assert_eq!(bytes(100), "100");
        assert_eq!(bytes(512_000_000), "512M");
        assert_eq!(seconds(0), "0 s");
        assert_eq!(seconds(61), "61 s");
        assert_eq!(seconds(200), "3 min 20 s");
        assert_eq!(seconds(4_708), "1 h 18 min");
        assert_eq!(seconds(3 * 86_400), "3 days");
        assert_eq!(cpu(200), "200m");
        assert_eq!(cpu(2000), "2");
        assert_eq!(times(1), "1 time");
    }
}
