use super::*;

#[test]
fn the_navigation_knows_where_a_page_belongs() {
    for (path, name) in [
        ("/", "Overview"),
        ("/connectors", "Connectors"),
        ("/connectors/7/general", "Connectors"),
        ("/plans/12", "Approvals"),
        ("/runs/12", "Runs"),
        ("/groups/3", "Directory"),
        ("/health-report", "Health"),
    ] {
        let nav = nav(path, 0);
        let current: Vec<&str> = nav.iter().filter(|it| it.current).map(|it| it.name).collect();
        assert_eq!(current, [name], "{path}");
    }
    assert!(nav("/nowhere", 0).iter().all(|it| !it.current));
}
