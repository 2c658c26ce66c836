package databricks

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestModuleVersion(t *testing.T) {
	const none = "0.0.0-devel"
	dependency := func(m debug.Module) *debug.BuildInfo {
		m.Path = modulePath
		return &debug.BuildInfo{Main: debug.Module{Path: "example.com/tool", Version: "v9.9.9"}, Deps: []*debug.Module{{Path: "example.com/other", Version: "v8.8.8"}, &m}}
	}
	for want, info := range map[string]*debug.BuildInfo{
		"0.1.0":                               dependency(debug.Module{Version: "v0.1.0"}),
		"0.2.0-0.20261125101112-0123456789ab": dependency(debug.Module{Version: "v0.2.0-0.20261125101112-0123456789ab"}),
		"1.2.3":                               dependency(debug.Module{Version: "v0.1.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.2.3"}}),
		"3.0.0":                               {Main: debug.Module{Path: modulePath, Version: "v3.0.0"}},
	} {
		assert.Equal(t, want, moduleVersion(info))
	}
	for name, info := range map[string]*debug.BuildInfo{
		"no information":      nil,
		"another program":     {Main: debug.Module{Path: "example.com/tool", Version: "v1.0.0"}},
		"a work tree":         {Main: debug.Module{Path: modulePath, Version: "(devel)"}},
		"a local replacement": dependency(debug.Module{Version: "v0.1.0", Replace: &debug.Module{Path: "../databricks"}}),
		"a hostile version":   dependency(debug.Module{Version: "v1.0.0 evil/1"}),
	} {
		assert.Equal(t, none, moduleVersion(info), name)
	}
}

func TestGoVersion(t *testing.T) {
	for version, want := range map[string]string{
		"go1.26.8":       "1.26.8",
		"go1.27rc1":      "1.27rc1",
		"go1.26.8-X:foo": "1.26.8",
		"devel go1.28-0a1b2c3d4e Tue Nov 24 10:11:12 2026 +0000": "1.28",
		"devel +0a1b2c3d4e Tue Nov 24 10:11:12 2026":             "devel",
		"": "devel",
	} {
		assert.Equal(t, want, goVersion(version), version)
	}
	assert.Regexp(t, `^databricks-go/[0-9A-Za-z.+-]+ go/[0-9a-z.]+ os/\w+$`, ownUserAgent())
}
