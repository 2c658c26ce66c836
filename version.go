package databricks

import (
	"regexp"
	"runtime"
	"runtime/debug"
	"sync"
)

// modulePath is the module path of this library.
const modulePath = "github.com/go-databricks/databricks"

// ownUserAgent is the part of the User-Agent that identifies this library, Go
// and the operating system.
var ownUserAgent = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	return "databricks-go/" + moduleVersion(info) + " go/" + goVersion(runtime.Version()) + " os/" + runtime.GOOS
})

// moduleVersion returns the version of this library in the build information of
// a program. A build from a working tree has no version.
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

// goVersion returns the Go release in a toolchain version. The version of a
// development toolchain contains spaces and may contain no release.
func goVersion(version string) string {
	if m := goRelease.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return "devel"
}
