package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/go-databricks/databricks/databrickstest"
)

// A program is a workspace with the additional endpoints.
type program struct {
	*config
	server *databrickstest.Server
	ready  atomic.Bool
	mu     sync.Mutex // held while a request reads or changes the whole state
}

// begin sets the initial state of the workspace.
func (p *program) begin(ctx context.Context, store *boltStore) error {
	found := false
	var err error
	if store != nil {
		if found, err = p.server.Persist(store); err != nil {
			return fmt.Errorf("-data: %w", err)
		}
	}
	if p.snapshotFile != "" {
		found = true
		if err := p.restoreFile(p.snapshotFile); err != nil {
			return fmt.Errorf("-snapshot: %w", err)
		}
	}
	if found && p.ownToken && p.server.Token != p.token {
		return errors.New("-token: the stored state has another token; omit -token")
	}
	if found {
		return nil
	}
	if err := p.config.begin.fill(ctx, p.server.Client()); err != nil {
		return fmt.Errorf("-state: %w", err)
	}
	return nil
}

func (p *program) restoreFile(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	snapshot, err := databrickstest.ReadSnapshot(file)
	if err != nil {
		return err
	}
	return p.server.Restore(snapshot)
}

// save writes a snapshot to a file. If it fails, it does not change the file.
func save(name string, snapshot *databrickstest.Snapshot) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // has no effect after the rename
	_, err = snapshot.WriteTo(file)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// gate handles GET /health, which needs no credential. It rejects all other requests
// until the workspace is ready.
func (p *program) gate(workspace http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		if p.ready.Load() {
			writeJSON(w, http.StatusOK, map[string]string{"status": "ready", "version": version()})
		} else {
			writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "starting", "version": version()})
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/health":
			mux.ServeHTTP(w, r)
		case !p.ready.Load() && r.RemoteAddr != "in memory": // let the program's own requests through
			w.Header().Set("Retry-After", "1")
			fail(w, http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "The workspace is starting")
		default:
			workspace.ServeHTTP(w, r)
		}
	})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func fail(w http.ResponseWriter, status int, code, message string) {
	writeJSON(w, status, map[string]string{"error_code": code, "message": message})
}

// admins returns a handler that only administrators may use. It handles one request at
// a time.
func (p *program) admins(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !databrickstest.CallerOf(r.Context()).Admin {
			fail(w, http.StatusForbidden, "PERMISSION_DENIED", "Only admins of the workspace can do this.")
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if err := handle(w, r); err != nil {
			fail(w, http.StatusBadRequest, "INVALID_PARAMETER_VALUE", err.Error())
		}
	})
}

func (p *program) reset(w http.ResponseWriter, r *http.Request) error {
	p.ready.Store(false)
	defer p.ready.Store(true)
	if err := p.server.Reset(); err != nil {
		return err
	}
	if err := p.config.begin.fill(r.Context(), p.server.Client()); err != nil {
		return err
	}
	p.server.ForgetRequests()
	p.server.Inject(p.faults...)
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}

func (p *program) getSnapshot(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/gzip")
	w.Header().Set("Content-Disposition", `attachment; filename="workspace.tar.gz"`)
	_, err := p.server.Snapshot().WriteTo(w)
	return err
}

func (p *program) putSnapshot(w http.ResponseWriter, r *http.Request) error {
	snapshot, err := databrickstest.ReadSnapshot(io.Reader(r.Body))
	if err != nil {
		return err
	}
	p.ready.Store(false)
	defer p.ready.Store(true)
	if err := p.server.Restore(snapshot); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, struct{}{})
	return nil
}
