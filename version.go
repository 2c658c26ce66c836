package databricks

import (
	"regexp"
	"runtime"
	"runtime/debug"
	"sync"
)

// modulePath is the path that this library is published under.
const modulePath = "github.com/go-databricks/databricks"

// ownUserAgent is what the User-Agent says of this library, Go and the system.
var ownUserAgent = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	return "databricks-go/" + moduleVersion(info) + " go/" + goVersion(runtime.Version()) + " os/" + runtime.GOOS
})

// moduleVersion is the version of this library that a program was built with. A
// build from a work tree has none.
func moduleVersion(info *debug.BuildInfo) string {
	const none = "0.0.0-devel"
	if info == nil {
		return none
	}
	for _, module := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if module.Path != modulePath {
			continue
		}
		if module.Replace != nil {
			module = module.Replace
		}
		if m := semanticVersion.FindStringSubmatch(module.Version); m != nil {
			return m[1]
		}
	}
	return none
}

var (
	semanticVersion = regexp.MustCompile(`^v(\d+\.\d+\.\d+[0-9A-Za-z.+-]*)$`)
	goRelease       = regexp.MustCompile(`\bgo(\d+\.\d+(?:\.\d+)?(?:(?:rc|beta)\d+)?)\b`)
)

// goVersion is the release of a toolchain's version. That of a development
// toolchain has blanks, and may have no release.
func goVersion(version string) string {
	if m := goRelease.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return "devel"
}
