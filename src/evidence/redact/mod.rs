//! Masks secrets in free text: log lines, messages, command lines, environment values.
//!
//! One pass of an Aho-Corasick automaton over [`TRIGGERS`] finds the places worth a look; a small matcher per trigger
//! then decides what to mask. Text without a trigger costs one pass; nothing is ever scanned twice without bound.
//! Words stay readable (`postgres://app:***@db:5432`), masking twice changes nothing.

mod keys;
mod pem;
mod tokens;
mod url;
mod words;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

pub use words::secret_name;

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Looks at a trigger's place (its start and end) and says which bytes to mask.
type Matcher = fn(&str, usize, usize) -> Option<Range<usize>>;

/// What to look for (in any case) and who decides. At one place the first row that matches is taken.
const TRIGGERS: &[(&str, Matcher)] = &[
    ("-----begin", pem::begin),
    ("-----end", pem::end),
    ("ls0tls1crudjti", tokens::encoded_pem),
    ("://", url::userinfo),
    ("@tcp(", url::go_dsn),
    ("@unix(", url::go_dsn),
    ("jdbc:oracle:thin:", url::oracle),
    ("hooks.slack.com/services/", url::webhook),
    ("/api/webhooks/", url::webhook),
    ("eyj", tokens::jwt),
    ("akia", tokens::aws),
    ("asia", tokens::aws),
    ("ghp_", tokens::prefixed),
    ("gho_", tokens::prefixed),
    ("ghu_", tokens::prefixed),
    ("ghs_", tokens::prefixed),
    ("ghr_", tokens::prefixed),
    ("github_pat_", tokens::prefixed),
    ("glpat-", tokens::prefixed),
    ("gldt-", tokens::prefixed),
    ("glrt-", tokens::prefixed),
    ("xoxa-", tokens::prefixed),
    ("xoxb-", tokens::prefixed),
    ("xoxe-", tokens::prefixed),
    ("xoxp-", tokens::prefixed),
    ("xoxr-", tokens::prefixed),
    ("xoxs-", tokens::prefixed),
    ("xapp-", tokens::prefixed),
    ("sk_live_", tokens::prefixed),
    ("sk_test_", tokens::prefixed),
    ("rk_live_", tokens::prefixed),
    ("rk_test_", tokens::prefixed),
    ("whsec_", tokens::prefixed),
    ("sk-", tokens::prefixed),
    ("aiza", tokens::prefixed),
    ("ya29.", tokens::prefixed),
    ("gocspx-", tokens::prefixed),
    ("sg.", tokens::prefixed),
    ("npm_", tokens::prefixed),
    ("pypi-", tokens::prefixed),
    ("hvs.", tokens::prefixed),
    ("hvb.", tokens::prefixed),
    ("dckr_pat_", tokens::prefixed),
    ("dop_v1_", tokens::prefixed),
    ("shpat_", tokens::prefixed),
    ("shpss_", tokens::prefixed),
    ("hf_", tokens::prefixed),
    ("nrak-", tokens::prefixed),
    ("age-secret-key-1", tokens::prefixed),
    ("authorization", keys::authorization),
    ("bearer ", keys::scheme),
    ("basic ", keys::scheme),
    ("cookie", keys::cookie),
    ("identified by", keys::identified_by),
    ("requirepass", keys::directive),
    ("masterauth", keys::directive),
    ("pass", keys::pair),
    ("pwd", keys::pair),
    ("secret", keys::pair),
    ("token", keys::pair),
    ("credential", keys::pair),
    ("key", keys::pair),
    ("signature", keys::pair),
    ("sig=", keys::pair),
    ("jwt", keys::pair),
    ("auth", keys::pair),
    ("sess", keys::pair),
];

/// The automaton over [`TRIGGERS`]. The words are constants, so building it cannot fail; were it to, text is withheld.
static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostFirst)
        .kind(Some(AhoCorasickKind::DFA))
        .build(TRIGGERS.iter().map(|(word, _)| word))
        .ok()
});

/// The text with every recognised secret replaced by [`MASK`].
pub fn redact(text: &str) -> Cow<'_, str> {
    let Some(automaton) = AUTOMATON.as_ref() else { return Cow::Borrowed(MASK) };
    let mut out = String::new();
    let mut done = 0;
    for hit in automaton.find_iter(text) {
        if hit.start() < done {
            continue;
        }
        let (_, matcher) = TRIGGERS[hit.pattern().as_usize()];
        let Some(range) = matcher(text, hit.start(), hit.end()) else { continue };
        let range = range.start.max(done)..range.end;
        if range.is_empty() || !text.is_char_boundary(range.start) || !text.is_char_boundary(range.end) {
            continue;
        }
        out.push_str(&text[done..range.start]);
        out.push_str(MASK);
        done = range.end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[done..]);
    Cow::Owned(out)
}

/// The value of a variable: masked as a whole where the name says that it is a secret.
pub fn value(name: &str, value: &str) -> String {
    if secret_name(name) && words::worth_masking(value) {
        return MASK.to_owned();
    }
    super::text::message(value)
}

/// A command line: what follows a secret flag is masked, the rest redacted as text.
pub fn command_line<'a>(words: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut after_secret_flag = false;
    words
        .into_iter()
        .map(|word| {
            let masked = after_secret_flag && !word.starts_with('-') && words::worth_masking(word);
            after_secret_flag = word.starts_with('-') && !word.contains('=') && secret_name(word);
            if masked { MASK.to_owned() } else { super::text::message(word) }
        })
        .collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
