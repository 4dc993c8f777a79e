# Sourced by the scripts beside it: fetches Debian packages into a folder and unpacks them there,
# with settings of its own, so that the system's apt is neither needed to be root's nor changed.

fail() { # one line, exit 2
	echo "$name: $*" >&2
	exit 2
}

need() { # need COMMAND WHAT-INSTALLS-IT
	command -v "$1" >/dev/null || fail "$1 was not found. $2"
}

size() { # size FOLDER, in MB
	du -sm "$1" | cut -f1
}

# private_apt FOLDER: writes FOLDER/apt.conf. Later calls of `apt` take it.
private_apt() {
	apt_folder=$1
	mkdir -p "$apt_folder"/{lists,archives}/partial
	cat >"$apt_folder/apt.conf" <<-CONF
		Dir::Cache "$apt_folder";
		Dir::Cache::archives "$apt_folder/archives";
		Debug::NoLocking "true";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
		APT::Update::Error-Mode "any";
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		#clear DPkg::Post-Invoke;
	CONF
}

# debian_sources SUITE...: those suites, of both architectures, instead of the system's lists.
debian_sources() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg mirror suite
	test -e "$keyring" || fail 'the keys of Debian were not found.' \
		'Install them: apt-get install debian-archive-keyring'
	mirror=${DEBIAN_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Label: Debian' | head -n 1)}
	test -n "$mirror" || fail 'no mirror of Debian is known here.' \
		'Run apt-get update, or give one: make DEBIAN_MIRROR=URL runtimes-aarch64'
	for suite in "$@"; do
		echo "deb [signed-by=$keyring] $mirror $suite main"
	done >"$apt_folder/sources.list"
	: >"$apt_folder/status"
	cat >>"$apt_folder/apt.conf" <<-CONF
		Dir::State "$apt_folder";
		Dir::State::lists "$apt_folder/lists";
		Dir::State::status "$apt_folder/status";
		Dir::Etc::sourcelist "$apt_folder/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		#clear APT::Architectures;
		APT::Architectures { "amd64"; "arm64"; };
	CONF
	apt update >"$apt_folder/log" 2>&1 || fail "$mirror was not reached:" "$(last_error)" \
		'Try again, or give another mirror: DEBIAN_MIRROR=URL'
}

apt() { apt-get --quiet --config-file="$apt_folder/apt.conf" "$@"; }

last_error() { grep -E '^(E|Err|W):?' "$apt_folder/log" | tail -n 1; }

# unpack FOLDER: every fetched package, without what only people read
unpack() {
	local package
	mkdir -p "$1"
	for package in "$apt_folder"/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x -C "$1" --exclude='./usr/share/doc*' \
			--exclude='./usr/share/man*' --exclude='./usr/share/lintian*'
	done
}
