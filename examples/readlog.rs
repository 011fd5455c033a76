fn main() {
    for p in std::env::args().skip(1) {
        let t = std::fs::read(&p).unwrap();
        let t = String::from_utf8_lossy(&t);
        let s = std::time::Instant::now();
        let r = crash_diagnosis::diagnose::log::analyse(&t);
        println!("== {p} lines {} {:?}", r.lines, s.elapsed());
        for f in r.failures.iter().take(3) {
            println!(
                "   {:?} {:?} subj={:?} target={:?}\n      {}",
                f.concept,
                f.weight,
                f.subject,
                f.target.as_ref().map(|t| format!("{}:{:?}", t.host, t.port)),
                f.quote
            );
        }
    }
}
