//! Which runs there are, and how they are found.

use god_flow::{
    run::record::{Chain, Digest, RunId},
    store::{Error, Found, RunHeader},
};

use uuid::Uuid;

use crate::{WORKFLOW, all, header, lease, new_run, place::Place, records};

pub(crate) async fn runs_are_found_by_the_start_of_their_id_or_name(place: &Place) {
    let store = place.store().await;
    store.put_workflow(WORKFLOW).await.unwrap();
    assert_eq!(store.find("@latest").await.unwrap(), Found::None);
    let id = |text: &str| text.parse::<RunId>().unwrap();
    let runs = [
        RunHeader { id: id("01a00000-0000-7000-8000-000000000001"), ..header("brave-otter", 3) },
        RunHeader { id: id("01a00000-0000-7000-8000-0000000000ff"), ..header("brave-otter-2", 1) },
        RunHeader { id: id("01a0ffff-0000-7000-8000-000000000002"), ..header("calm_fox%", 2) },
        RunHeader { id: id("ffffffff-ffff-7fff-bfff-ffffffffffff"), ..header("01a-heron", 0) },
        RunHeader { id: id("ee000000-0000-7000-8000-000000000003"), ..header("twin", 5) },
        RunHeader { id: id("ee000000-0000-7000-8000-000000000004"), ..header("twin", 6) },
    ];
    for run in &runs {
        store.create(run, &[]).await.unwrap();
    }
    for (text, expected) in [
        ("brave-otter", &[0][..]),
        ("brave-otter-2", &[1]),
        ("brave", &[0, 1]),
        ("Brave", &[]),
        ("c", &[2]),
        ("calm_", &[2]),
        ("c%", &[]),
        ("_", &[]),
        ("twin", &[5, 4]),
        ("f", &[3]),
        ("01A0", &[0, 2, 1]),
        ("01a", &[0, 2, 1, 3]),
        ("01a00000", &[0, 1]),
        ("01a00000-0000-7000-8000-0000000000f", &[1]),
        ("01a00000-0000-7000-8000-000000000001", &[0]),
        ("01a000000000700080000000000000ff", &[1]),
        ("01a0-", &[]),
        ("'", &[]),
        ("", &[]),
        ("@latest", &[5]),
        ("@", &[]),
    ] {
        let found = match store.find(text).await.unwrap() {
            Found::None => vec![],
            Found::One(run) => vec![run],
            Found::Several(runs) => runs,
        };
        let names = |runs: &[RunHeader]| runs.iter().map(|run| run.id).collect::<Vec<_>>();
        let expected: Vec<RunHeader> = expected.iter().map(|i: &usize| runs[*i].clone()).collect();
        assert_eq!(names(&found), names(&expected), "`{text}`");
        assert_eq!(found, expected, "`{text}`");
    }
}

pub(crate) async fn runs_are_listed_newest_first(place: &Place) {
    let store = place.store().await;
    store.put_workflow(WORKFLOW).await.unwrap();
    assert_eq!(store.list(10).await.unwrap(), []);
    let mut runs: Vec<RunHeader> = [3, 1, 4, 1, 5].map(|second| header("run", second)).into();
    for run in &runs {
        store.create(run, &[]).await.unwrap();
    }
    runs.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.id)));
    for max in [0, 1, 4, 5, usize::MAX] {
        assert_eq!(store.list(max).await.unwrap(), runs[..max.min(5)], "at most {max}");
    }
}

pub(crate) async fn runs_need_their_workflow_and_are_created_once(place: &Place) {
    let store = place.store().await;
    let run = header("brave-otter", 0);
    let first = records(&mut Chain::start(run.id), 2);
    let error = store.create(&run, &first).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchWorkflow { digest } if digest == run.workflow), "{error:?}");
    assert!(matches!(store.header(run.id).await, Err(Error::NoSuchRun { .. })));
    for _ in 0..2 {
        assert_eq!(place.store().await.put_workflow(WORKFLOW).await.unwrap(), run.workflow);
    }
    assert_eq!(&*place.store().await.workflow(run.workflow).await.unwrap(), WORKFLOW);
    store.create(&run, &first).await.unwrap();
    let error = store.create(&RunHeader { name: "other".into(), ..run.clone() }, &first).await.unwrap_err();
    assert!(matches!(error, Error::RunExists { run: of } if of == run.id), "{error:?}");
    assert_eq!(store.header(run.id).await.unwrap(), run);
    assert_eq!(all(&*store, run.id).await, first);
}

pub(crate) async fn what_is_not_there_is_told(place: &Place) {
    let store = place.store().await;
    let (run, _) = new_run(&*store).await;
    let fence = lease(&*store, run.id, "a").await.unwrap();
    let missing = RunId::from(Uuid::now_v7());
    let told = |error: Error| assert!(matches!(error, Error::NoSuchRun { run } if run == missing), "{error:?}");
    told(store.header(missing).await.unwrap_err());
    told(store.page(missing, 0, 1).await.unwrap_err());
    told(lease(&*store, missing, "a").await.unwrap_err());
    let digest = Digest::of("another");
    let error = store.workflow(digest).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchWorkflow { digest: of } if of == digest), "{error:?}");

    // The same fence means nothing in a store that does not have its run.
    let elsewhere = Place::memory().store().await;
    let error = elsewhere.append(&fence, &[]).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchRun { run: of } if of == run.id), "{error:?}");
}
