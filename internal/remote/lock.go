// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// lockBook knows the locks that this process took, so that one whose
// connection broke can be told from one that another operator holds.
type lockBook struct {
	mu    sync.Mutex
	taken map[string]map[string]*Conn // address → token → who took it
}

func (b *lockBook) add(address, token string, c *Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken == nil {
		b.taken = map[string]map[string]*Conn{}
	}
	if b.taken[address] == nil {
		b.taken[address] = map[string]*Conn{}
	}
	b.taken[address][token] = c
}

func (b *lockBook) remove(address, token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.taken[address], token)
	if len(b.taken[address]) == 0 {
		delete(b.taken, address)
	}
}

// dead are the tokens of connections that broke.
func (b *lockBook) dead(address string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var tokens []string
	for token, c := range b.taken[address] {
		if !c.primary().alive() {
			tokens = append(tokens, token)
		}
	}
	return tokens
}

// Lock keeps other operators from this host until Close or until the
// connection breaks; owner says who we are, in one line. If another has the
// lock, the error is a *LockedError.
//
// A lock that this process lost sight of when its connection broke is taken
// over: the host's side of that connection, which may not have noticed yet, is
// ended first.
func (c *Conn) Lock(ctx context.Context, owner string) error {
	if err := c.locking.acquire(ctx); err != nil {
		return fmt.Errorf("waiting to lock %s: %w", c.host(), err)
	}
	defer c.locking.release()
	c.mu.Lock()
	has := c.lockToken != ""
	c.mu.Unlock()
	if has {
		return nil
	}
	token, err := newWord()
	if err != nil {
		return err
	}
	address := c.route.end.address()
	dead := c.client.locks.dead(address)
	lost := strings.Join(dead, ",")
	if lost == "" {
		lost = "-"
	}
	// One line, of words and single blanks: that is how it comes back.
	owner = strings.Join(strings.Fields(strings.Map(printable, owner)), " ")
	// Before we ask: if the connection breaks before the answer is here, the
	// lock may be ours all the same.
	c.client.locks.add(address, token, c)
	_, answer, err := c.keep(ctx, "lock "+token+" "+lost+" "+owner)
	if err != nil {
		return err
	}
	word, rest, _ := strings.Cut(answer, " ")
	switch word {
	case "locked":
		for _, t := range dead {
			c.client.locks.remove(address, t)
		}
		c.mu.Lock()
		c.lockToken = token
		c.mu.Unlock()
		return nil
	case "held":
		c.client.locks.remove(address, token)
		since, who, _ := strings.Cut(rest, " ")
		if who == "" {
			who = "somebody"
		}
		return &LockedError{Host: c.host(), Owner: c.redact(who), Since: since}
	}
	return fmt.Errorf("%s: taking the operators' lock: %w: %s", c.host(), errors.New("unexpected answer"), answer)
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return ' '
	}
	return r
}
