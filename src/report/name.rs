//! Names of CrashDiagnosis objects: `<kind>.<workload>.<container>`, e.g. `deployment.web.app`.
//!
//! Kinds and container names hold no dot, so two different (kind, workload, container) never give one name; kinds of
//! two API groups can be called alike, and then the group tells them apart by a hash.

/// Longest name of a Kubernetes object, bytes.
const MAX: usize = 253;

/// The plain name; over [`MAX`] bytes, a cut one with a hash of the whole.
pub fn plain(kind: &str, workload: &str, container: &str) -> String {
    let full = format!("{}.{workload}.{container}", kind.to_lowercase());
    if full.len() <= MAX { full } else { hashed(kind, workload, container, "") }
}

/// The name with a hash of `api_version` and all parts: for a name that is taken by another workload's object.
pub fn hashed(kind: &str, workload: &str, container: &str, api_version: &str) -> String {
    let full = format!("{}.{workload}.{container}", kind.to_lowercase());
    let hash = fnv1a(&format!("{api_version}/{full}"));
    let mut cut = full.as_str();
    while cut.len() > MAX - 9 {
        cut = &cut[..cut.char_indices().next_back().map_or(0, |(i, _)| i)];
    }
    format!("{}-{hash:08x}", cut.trim_end_matches(['.', '-']))
}

/// FNV-1a, folded to 32 bits: stable between versions and machines, which `std`'s hashers do not promise.
pub fn fnv1a(text: &str) -> u32 {
    let h = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    u32::try_from((h >> 32) ^ (h & 0xffff_ffff)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_like_kubectl_words() {
        assert_eq!(plain("Deployment", "web", "app"), "deployment.web.app");
        assert_eq!(plain("Pod", "one.two", "c"), "pod.one.two.c");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let (a, b) = ("a".repeat(250) + "x", "a".repeat(250) + "y");
        let names = [plain("Deployment", &a, "app"), plain("Deployment", &b, "app")];
        assert!(names.iter().all(|n| n.len() <= MAX), "{names:?}");
        assert_ne!(names[0], names[1]);
        assert_eq!(names[0], plain("Deployment", &a, "app"));
    }

    #[test]
    fn two_groups_with_one_kind_can_be_told_apart() {
        let names = ["apps/v1", "apps.example.com/v1"].map(|v| hashed("Deployment", "web", "app", v));
        assert_ne!(names[0], names[1]);
        assert!(names[0].starts_with("deployment.web.app-"));
    }
}
