//! An entrant's repository, made for a test.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::engine::IMAGE;

/// Where repositories have the Dockerfile of a text task.
pub(crate) const DOCKERFILE: &str = "dockerfiles/standalone-text-trainer.dockerfile";

/// A repository in a folder of its own.
pub(crate) struct Repository {
    pub(crate) folder: PathBuf,
}

impl Repository {
    /// With a trainer that is that script.
    pub(crate) fn of(folder: &Path, trainer: &str) -> Self {
        let it = Self { folder: folder.to_owned() };
        it.write(DOCKERFILE, &format!("FROM {IMAGE}\nCOPY train.sh /train.sh\nENTRYPOINT [\"sh\", \"/train.sh\"]\n"));
        it.write("train.sh", trainer);
        it.git(&["init", "--quiet"]);
        it
    }

    pub(crate) fn address(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits what there is.
    pub(crate) fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", "all"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").args(["-c", "user.name=n", "-c", "user.email=e@x.org"]);
        let output = git.args(arguments).current_dir(&self.folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}
