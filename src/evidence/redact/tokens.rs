//! Secrets that are known by their shape: cloud keys, access tokens of services, JSON Web Tokens.

use std::ops::Range;

/// (prefix, least number of characters after it).
const PREFIXES: &[(&str, usize)] = &[
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("gldt-", 16),
    ("glrt-", 16),
    ("xoxa-", 8),
    ("xoxb-", 8),
    ("xoxe-", 8),
    ("xoxp-", 8),
    ("xoxr-", 8),
    ("xoxs-", 8),
    ("xapp-", 8),
    ("sk_live_", 8),
    ("sk_test_", 8),
    ("rk_live_", 8),
    ("rk_test_", 8),
    ("whsec_", 16),
    ("sk-", 20),
    ("AIza", 30),
    ("ya29.", 16),
    ("GOCSPX-", 16),
    ("SG.", 30),
    ("npm_", 30),
    ("pypi-", 30),
    ("hvs.", 20),
    ("hvb.", 20),
    ("dckr_pat_", 16),
    ("dop_v1_", 32),
    ("shpat_", 24),
    ("shpss_", 24),
    ("hf_", 24),
    ("NRAK-", 20),
    ("AGE-SECRET-KEY-1", 30),
];

/// A token of a service, by its prefix.
pub fn prefixed(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let (_, least) = PREFIXES.iter().find(|(prefix, _)| *prefix == &text[start..end])?;
    let stop = run(text, end, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'='));
    let body = text[end..stop].trim_end_matches('.');
    let random = body.bytes().any(|b| b.is_ascii_digit()) || body.bytes().any(|b| b.is_ascii_uppercase());
    (starts_word(text, start) && body.len() >= *least && random).then(|| start..end + body.len())
}

/// An AWS access key id, with the secret key where both stand side by side.
pub fn aws(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let stop = run(text, start, |b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !starts_word(text, start)
        || !matches!(&text[start..end], "AKIA" | "ASIA")
        || !(16..=24).contains(&(stop - start))
    {
        return None;
    }
    let gap = run(text, stop, |b| matches!(b, b':' | b'/' | b' ' | b',' | b';' | b'"' | b'\''));
    let pair_end = run(text, gap, |b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+' | b'='));
    let secret_follows = gap > stop && gap - stop <= 4 && pair_end - gap == 40;
    Some(start..if secret_follows { pair_end } else { stop })
}

/// A JSON Web Token, or other JSON in base64 long enough to hold credentials.
pub fn jwt(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    if &text[start..end] != "eyJ" || !starts_word(text, start) {
        return None;
    }
    let stop = run(text, start, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'+' | b'/' | b'='));
    let token = text[start..stop].trim_end_matches('.');
    let mut parts = token.split('.');
    let head = parts.next().unwrap_or_default();
    let body = parts.next().unwrap_or_default();
    ((head.len() >= 10 && body.len() >= 4) || head.len() >= 40).then(|| start..start + token.len())
}

/// A PEM block in base64, as in kubeconfigs and Secrets.
pub fn encoded_pem(text: &str, start: usize, end: usize) -> Option<Range<usize>> {
    let stop = run(text, end, |b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
    (text[start..end].starts_with("LS0tLS1CRUdJTi") && stop - end >= 24).then_some(start..stop)
}

/// Where a run of such bytes ends.
fn run(text: &str, from: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let bytes = text.as_bytes();
    bytes[from..].iter().position(|b| !wanted(*b)).map_or(bytes.len(), |i| from + i)
}

fn starts_word(text: &str, at: usize) -> bool {
    at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric()
}
