// Prove lies of validators, whose keys it is given, to an engine: with CometBFT's own types.
//
// Reads one JSON object: do, keys (paths of priv_validator_key.json), height, and optionally spoil.
// The working directory is the folder of the engine that is told, where its rpc.sock stands.
//
//	votes    the first key's precommits for a height's block and for another one
//	attack   a header that all keys signed, with a state that never was, for light clients
//
// spoil makes the proof a false accusation: "signature" (one bit of it), "power" (more than there
// is), "same" (the same vote twice). Writes one JSON object: hash, and the evidence (base64, the
// protobuf of tendermint.types.Evidence), or the engine's refusal.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/cometbft/cometbft/crypto/tmhash"
	"github.com/cometbft/cometbft/privval"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/rpc/client/http"
	"github.com/cometbft/cometbft/types"
)

type order struct {
	Do     string   `json:"do"`
	Keys   []string `json:"keys"`
	Height int64    `json:"height"`
	Spoil  string   `json:"spoil"`
}

type answer struct {
	Hash     string `json:"hash"`
	Evidence []byte `json:"evidence"`
	Refused  string `json:"refused"`
}

// chain is what an engine tells of the height that is lied about.
type chain struct {
	engine *http.HTTP
	block  *types.Block
	id     types.BlockID
	set    *types.ValidatorSet
	keys   []privval.FilePVKey
}

func look(ctx context.Context, o order) (*chain, error) {
	engine, err := http.New("unix://rpc.sock", "/websocket")
	if err != nil {
		return nil, err
	}
	found, err := engine.Block(ctx, &o.Height)
	if err != nil {
		return nil, err
	}
	listed, err := engine.Validators(ctx, &o.Height, nil, nil)
	if err != nil {
		return nil, err
	}
	set, err := types.ValidatorSetFromExistingValidators(listed.Validators)
	if err != nil {
		return nil, err
	}
	made := &chain{engine: engine, block: found.Block, id: found.BlockID, set: set}
	for _, path := range o.Keys {
		made.keys = append(made.keys, privval.LoadFilePVEmptyState(path, "").Key)
	}
	return made, nil
}

// vote signs a precommit whatever the key signed before.
func (c *chain) vote(key privval.FilePVKey, set *types.ValidatorSet, id types.BlockID) (*types.Vote, error) {
	place, _ := set.GetByAddress(key.Address)
	vote := &types.Vote{
		Type:             cmtproto.PrecommitType,
		Height:           c.block.Height,
		Round:            0,
		BlockID:          id,
		Timestamp:        c.block.Time.Add(time.Second),
		ValidatorAddress: key.Address,
		ValidatorIndex:   place,
	}
	signature, err := key.PrivKey.Sign(types.VoteSignBytes(c.block.ChainID, vote.ToProto()))
	vote.Signature = signature
	return vote, err
}

func (c *chain) votes(spoil string) (types.Evidence, error) {
	other := types.BlockID{
		Hash:          tmhash.Sum([]byte("another block")),
		PartSetHeader: types.PartSetHeader{Total: 1, Hash: tmhash.Sum([]byte("its parts"))},
	}
	if spoil == "same" {
		other = c.id
	}
	one, err := c.vote(c.keys[0], c.set, c.id)
	if err != nil {
		return nil, err
	}
	two, err := c.vote(c.keys[0], c.set, other)
	if err != nil {
		return nil, err
	}
	if spoil == "signature" {
		two.Signature[9] ^= 1
	}
	made, err := types.NewDuplicateVoteEvidence(one, two, c.block.Time, c.set)
	if err == nil && spoil == "power" {
		made.ValidatorPower++
	}
	return made, err
}

// attack signs a header that only the liars validate: a light client that trusts them follows it.
func (c *chain) attack(ctx context.Context, spoil string) (types.Evidence, error) {
	var liars []*types.Validator
	for _, key := range c.keys {
		_, own := c.set.GetByAddress(key.Address)
		liars = append(liars, own.Copy())
	}
	set := types.NewValidatorSet(liars)
	header := c.block.Header
	header.AppHash = tmhash.Sum([]byte("a state that never was"))
	header.ValidatorsHash = set.Hash()
	id := types.BlockID{
		Hash:          header.Hash(),
		PartSetHeader: types.PartSetHeader{Total: 1, Hash: tmhash.Sum([]byte("its parts"))},
	}
	commit := &types.Commit{Height: header.Height, BlockID: id}
	for _, each := range set.Validators {
		for _, key := range c.keys {
			if string(key.Address) != string(each.Address) {
				continue
			}
			vote, err := c.vote(key, set, id)
			if err != nil {
				return nil, err
			}
			commit.Signatures = append(commit.Signatures, vote.CommitSig())
		}
	}
	if spoil == "signature" {
		commit.Signatures[0].Signature[9] ^= 1
	}
	before := header.Height - 1
	common, err := c.engine.Block(ctx, &before)
	if err != nil {
		return nil, err
	}
	made := &types.LightClientAttackEvidence{
		ConflictingBlock: &types.LightBlock{
			SignedHeader: &types.SignedHeader{Header: &header, Commit: commit},
			ValidatorSet: set,
		},
		CommonHeight:     before,
		TotalVotingPower: c.set.TotalVotingPower(),
		Timestamp:        common.Block.Time,
	}
	trusted := &types.SignedHeader{Header: &c.block.Header, Commit: c.block.LastCommit}
	made.ByzantineValidators = made.GetByzantineValidators(c.set, trusted)
	if spoil == "power" {
		made.TotalVotingPower++
	}
	return made, nil
}

func (c *chain) tell(ctx context.Context, o order) (*answer, error) {
	var made types.Evidence
	var err error
	switch o.Do {
	case "votes":
		made, err = c.votes(o.Spoil)
	case "attack":
		made, err = c.attack(ctx, o.Spoil)
	default:
		err = fmt.Errorf("unknown: %q", o.Do)
	}
	if err != nil {
		return nil, err
	}
	encoded, err := types.EvidenceToProto(made)
	if err != nil {
		return nil, err
	}
	raw, err := encoded.Marshal()
	if err != nil {
		return nil, err
	}
	told, err := c.engine.BroadcastEvidence(ctx, made)
	if err != nil {
		return &answer{Evidence: raw, Refused: err.Error()}, nil
	}
	return &answer{Hash: fmt.Sprintf("%X", told.Hash), Evidence: raw}, nil
}

func run() error {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		return err
	}
	ctx, done := context.WithTimeout(context.Background(), 20*time.Second)
	defer done()
	found, err := look(ctx, o)
	if err != nil {
		return err
	}
	said, err := found.tell(ctx, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
