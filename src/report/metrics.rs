//! The metrics of design.md, in our own registry. Labels: closed sets and workload identity, never pod names.

use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    register_gauge_vec_with_registry, register_histogram_with_registry, register_int_counter_vec_with_registry,
    register_int_gauge_vec_with_registry, register_int_gauge_with_registry,
};

use crate::api;

const WORKLOAD: [&str; 4] = ["namespace", "workload_kind", "workload", "container"];
const WORKLOAD_AND_CAUSE: [&str; 6] = ["namespace", "workload_kind", "workload", "container", "cause", "reason"];

/// All metrics.
pub struct Metrics {
    registry: Registry,
    crashes: IntCounterVec,
    crashing_pods: IntGaugeVec,
    affected_ratio: GaugeVec,
    /// Crash finished -> CrashDiagnosis written, seconds.
    pub detection: Histogram,
    /// One run of the engine, seconds.
    pub diagnose: Histogram,
    /// Evidence that could not be read.
    pub evidence_failures: IntCounterVec,
    /// Work that failed and is tried again.
    pub reconcile_errors: IntCounterVec,
    /// Seconds since the watch last said anything.
    pub watch_age: IntGauge,
    /// 1 while this replica leads.
    pub leader: IntGauge,
    signatures: IntGaugeVec,
}

/// The labels of one (workload, container).
fn workload<'a>(namespace: &'a str, spec: &'a api::CrashDiagnosisSpec) -> [&'a str; 4] {
    [namespace, &spec.workload.kind, &spec.workload.name, &spec.container]
}

impl Metrics {
    /// Registers everything. Fails only when two metrics have one name, which a test excludes.
    pub fn new() -> Result<Self, prometheus::Error> {
        let r = Registry::new();
        register_int_gauge_vec_with_registry!("crashdiagnosis_build_info", "Version of this binary.", &["version"], r)?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        r.register(Box::new(ProcessCollector::for_self()))?;
        let detection = HistogramOpts::new(
            "crashdiagnosis_detection_seconds",
            "From the end of a container to the CrashDiagnosis written. Container ends are known to the second.",
        )
        .buckets(vec![0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0]);
        let diagnose = HistogramOpts::new("crashdiagnosis_diagnose_seconds", "One run of the diagnosis engine.")
            .buckets(vec![0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5]);
        Ok(Self {
            crashes: register_int_counter_vec_with_registry!(
                Opts::new("crashdiagnosis_crashes_total", "Crashes seen, by the cause found."),
                &WORKLOAD_AND_CAUSE,
                r
            )?,
            crashing_pods: register_int_gauge_vec_with_registry!(
                "crashdiagnosis_crashing_pods",
                "Pods in which the container crashes now.",
                &WORKLOAD_AND_CAUSE,
                r
            )?,
            affected_ratio: register_gauge_vec_with_registry!(
                "crashdiagnosis_affected_ratio",
                "Share of the workload's pods in which the container crashes, 0 to 1.",
                &WORKLOAD,
                r
            )?,
            detection: register_histogram_with_registry!(detection, r)?,
            diagnose: register_histogram_with_registry!(diagnose, r)?,
            evidence_failures: register_int_counter_vec_with_registry!(
                "crashdiagnosis_evidence_failures_total",
                "Evidence that could not be read.",
                &["source", "error"],
                r
            )?,
            reconcile_errors: register_int_counter_vec_with_registry!(
                "crashdiagnosis_reconcile_errors_total",
                "Work that failed and is tried again.",
                &["category"],
                r
            )?,
            watch_age: register_int_gauge_with_registry!(
                "crashdiagnosis_watch_age_seconds",
                "Seconds since the API server last said anything on the pod watch.",
                r
            )?,
            leader: register_int_gauge_with_registry!("crashdiagnosis_leader", "1 while this replica leads.", r)?,
            signatures: register_int_gauge_vec_with_registry!(
                "crashdiagnosis_signatures",
                "The user's signatures: loaded, and problems that kept some from being loaded.",
                &["state"],
                r
            )?,
            registry: r,
        })
    }

    /// Counts crashes under the cause found for them.
    pub fn count(&self, namespace: &str, spec: &api::CrashDiagnosisSpec, cause: &str, reason: &str, crashes: u64) {
        if crashes > 0 {
            let [ns, kind, name, container] = workload(namespace, spec);
            self.crashes.with_label_values(&[ns, kind, name, container, cause, reason]).inc_by(crashes);
        }
    }

    /// Shows how things stand. `before`: cause and reason shown until now; their gauge goes when they changed.
    pub fn show(
        &self,
        namespace: &str,
        spec: &api::CrashDiagnosisSpec,
        status: &api::CrashDiagnosisStatus,
        before: Option<(&str, &str)>,
    ) {
        let [ns, kind, name, container] = workload(namespace, spec);
        if let Some((cause, reason)) = before.filter(|b| *b != (&*status.cause, &*status.reason)) {
            let _ = self.crashing_pods.remove_label_values(&[ns, kind, name, container, cause, reason]);
        }
        let labels = [ns, kind, name, container, &status.cause, &status.reason];
        let crashing = status.state == api::State::Crashing;
        self.crashing_pods.with_label_values(&labels).set(if crashing { status.pods_affected } else { 0 });
        #[allow(clippy::cast_precision_loss, reason = "numbers of pods")]
        let ratio = status.pods_affected as f64 / status.pods_total.max(1) as f64;
        self.affected_ratio.with_label_values(&[ns, kind, name, container]).set(if crashing { ratio } else { 0.0 });
    }

    /// The CrashDiagnosis is gone: so are its gauges.
    pub fn forget(&self, namespace: &str, spec: &api::CrashDiagnosisSpec, cause: &str, reason: &str) {
        let [ns, kind, name, container] = workload(namespace, spec);
        let _ = self.crashing_pods.remove_label_values(&[ns, kind, name, container, cause, reason]);
        let _ = self.affected_ratio.remove_label_values(&[ns, kind, name, container]);
    }

    /// Shows how many signatures were loaded, and how many problems there were.
    pub fn show_signatures(&self, loaded: usize, problems: usize) {
        for (state, n) in [("loaded", loaded), ("problem", problems)] {
            self.signatures.with_label_values(&[state]).set(i64::try_from(n).unwrap_or(i64::MAX));
        }
    }

    /// No longer leading: another replica shows the gauges now.
    pub fn reset_gauges(&self) {
        self.crashing_pods.reset();
        self.affected_ratio.reset();
    }

    /// The text of `/metrics`.
    pub fn text(&self) -> String {
        let mut out = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut out) {
            Ok(()) => String::from_utf8_lossy(&out).into_owned(),
            Err(error) => format!("# {error}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> api::CrashDiagnosisSpec {
        let workload =
            api::WorkloadRef { api_version: "apps/v1".into(), kind: "Deployment".into(), name: "web".into() };
        api::CrashDiagnosisSpec { workload, container: "app".into(), ..api::CrashDiagnosisSpec::default() }
    }

    fn status(reason: &str, pods: i64) -> api::CrashDiagnosisStatus {
        api::CrashDiagnosisStatus {
            cause: "AppError".into(),
            reason: reason.into(),
            pods_affected: pods,
            pods_total: 4,
            ..api::CrashDiagnosisStatus::default()
        }
    }

    #[test]
    fn gauges_follow_the_diagnosis_and_go_with_the_object() {
        let m = Metrics::new().unwrap();
        m.show("shop", &spec(), &status("UnknownError", 2), None);
        m.show("shop", &spec(), &status("Segfault", 1), Some(("AppError", "UnknownError")));
        let text = m.text();
        assert!(!text.contains(r#"reason="UnknownError""#), "{text}");
        assert!(text.contains(r#"crashdiagnosis_affected_ratio{container="app",namespace="shop",workload="web",workload_kind="Deployment"} 0.25"#), "{text}");
        m.forget("shop", &spec(), "AppError", "Segfault");
        assert!(!m.text().contains("crashing_pods{"));
    }

    #[test]
    fn crashes_are_counted_by_cause() {
        let m = Metrics::new().unwrap();
        m.count("shop", &spec(), "AppError", "Segfault", 2);
        m.count("shop", &spec(), "AppError", "Segfault", 1);
        m.count("shop", &spec(), "AppError", "Aborted", 0);
        let text = m.text();
        assert!(text.contains(r#"crashdiagnosis_crashes_total{cause="AppError",container="app",namespace="shop",reason="Segfault",workload="web",workload_kind="Deployment"} 3"#), "{text}");
        assert!(!text.contains("Aborted"));
    }
}
