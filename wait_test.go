package databricks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWaitUntil(t *testing.T) {
	type warehouse struct {
		State string `json:"state"`
	}
	running := func(w *warehouse) (bool, error) {
		if w.State == "DELETED" {
			return false, errors.New("somebody deleted it")
		}
		return w.State == "RUNNING", nil
	}
	wait := func(ctx context.Context, c *Client) (*warehouse, error) {
		return WaitUntil(ctx, c, func(ctx context.Context) (*warehouse, error) {
			return do[warehouse](ctx, c, get("/api/2.0/sql/warehouses/7"))
		}, running)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()

		c, s := scriptedClient(t, nil, respond(200, `{"state": "STARTING"}`), respond(500, `{"error_code": "INTERNAL_ERROR"}`), respond(200, `{"state": "RUNNING"}`))
		got, err := wait(ctx, c)
		require.NoError(t, err)
		assert.Equal(t, "RUNNING", got.State)
		assert.Len(t, s.sent, 3)

		c, _ = scriptedClient(t, nil, respond(200, `{"state": "DELETED"}`))
		got, err = wait(ctx, c)
		assert.EqualError(t, err, "somebody deleted it")
		assert.Nil(t, got)

		c, _ = scriptedClient(t, nil, respond(404, `{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no"}`))
		_, err = wait(ctx, c)
		assert.ErrorIs(t, err, ErrResourceDoesNotExist)
		assert.ErrorContains(t, err, "databricks: waiting: GET /api/2.0/sql/warehouses/7: ")

		short, stop := context.WithTimeoutCause(ctx, time.Minute, errors.New("lunch"))
		defer stop()
		c, _ = scriptedClient(t, nil, respond(200, `{"state": "STARTING"}`))
		started := time.Now()
		_, err = wait(short, c)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "lunch")
		assert.Equal(t, time.Minute, time.Since(started))

		c, s = scriptedClient(t, []Option{WithPlan(func(PlannedCall) {})}, respond(200, `{"state": "STARTING"}`))
		got, err = wait(ctx, c)
		require.NoError(t, err)
		assert.Equal(t, "STARTING", got.State)
		assert.Len(t, s.sent, 1)
	})
}
