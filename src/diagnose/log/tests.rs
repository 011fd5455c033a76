#[test]
fn the_line_that_names_the_file_beats_its_bare_repetition() {
    let log = "npm ERR! code ENOENT\nnpm ERR! syscall open\nnpm ERR! enoent ENOENT: no such file or directory, open '/srv/package.json'\nnpm ERR! enoent This is related to npm not being able to find a file.\nnpm ERR! enoent \n\nnpm ERR! A complete log of this run can be found in:\nnpm ERR!     /tmp/_logs/debug.log\n";
    let report = super::analyse(log);
    assert_eq!(report.failures[0].subject.as_deref(), Some("/srv/package.json"), "{:?}", report.failures);
}
