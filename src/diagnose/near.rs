//! Names that look like another: what somebody probably meant.

/// The names that are likely meant by `wanted`, best first, at most three. A name counts when it is similar as a whole
/// (Jaro-Winkler), or one contains the other (`app-config` for `shop-app-config`).
pub fn names<'a>(wanted: &str, existing: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = wanted.to_lowercase();
    let mut scored: Vec<(u32, &str)> = existing
        .into_iter()
        .filter(|name| *name != wanted && !name.is_empty())
        .filter_map(|name| Some((score(&lower, &name.to_lowercase())?, name)))
        .collect();
    scored.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, name)| name).collect()
}

/// In thousandths; `None` where the two have nothing to do with each other.
fn score(a: &str, b: &str) -> Option<u32> {
    const ENOUGH: f64 = 0.87;
    let similar = strsim::jaro_winkler(a, b).max(strsim::normalized_damerau_levenshtein(a, b) + 0.12).min(1.0);
    let contained = a.len() >= 4 && b.len() >= 4 && (a.contains(b) || b.contains(a));
    let score = if contained { similar.max(ENOUGH) } else { similar };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
    (score >= ENOUGH).then_some((score * 1000.0) as u32)
}

/// ` There is "app-config".`, or nothing.
pub fn hint(wanted: &str, existing: &[&str]) -> String {
    let near = names(wanted, existing.iter().copied());
    if near.is_empty() {
        return String::new();
    }
    let quoted: Vec<String> = near.iter().map(|n| format!("\"{n}\"")).collect();
    format!(" Did you mean {}?", quoted.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typos_and_parts_are_near_and_strangers_are_not() {
        let existing = ["app-config", "kube-root-ca.crt", "payments-config", "redis"];
        assert_eq!(names("app-confg", existing), ["app-config"]);
        assert_eq!(names("shop-app-config", existing), ["app-config"]);
        assert!(names("tls-certificates", existing).is_empty());
        assert_eq!(names("DATABASE_HOST", ["database_host", "port"]), ["database_host"]);
        assert_eq!(hint("redsi", &existing), " Did you mean \"redis\"?");
        assert_eq!(hint("zzz", &existing), "");
    }
}
