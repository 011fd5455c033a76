//! What a rollout changed.

use super::wants::Want;
use super::{Case, Diagnosis};

/// What would tell more.
pub(super) fn wants(_case: &Case, _diagnosis: &Diagnosis) -> Vec<Want> {
    Vec::new()
}
