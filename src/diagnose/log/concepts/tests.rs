//! Wordings per concept, as programs print them.

use super::*;

#[test]
fn every_pattern_compiles_and_needles_are_lower_case() {
    for row in TABLES.iter().copied().flatten() {
        assert!(row.pattern.is_empty() || pattern(row.pattern).is_some(), "{}", row.pattern);
        assert_eq!(row.needle, row.needle.to_ascii_lowercase());
        assert!(!row.needle.is_empty());
    }
}
